"""The thin lane: OpenAI-compatible servers, bytes in and bytes out. The worker is one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import BadCompletion
from gateway.execute import failures
from gateway.execute.connections import CONNECT_S, MAX_ANSWER_BYTES, Connections, number, rejection
from gateway.execute.events import DONE, EventSplitter
from gateway.execute.idle import IdleLimit
from gateway.execute.streams import read_event
from gateway.types import Answer
from policies.decision import TASK_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gateway.execute.catalogue import Endpoint
    from gateway.types import Call, Delta
    from policies.decision import Step

_GUARDED = 0
"""No limit: it would be one for all hosts together, with a queue that nobody bounds. Guards limit each endpoint."""
_HEADERS = {
    "content-type": "application/json",
    "user-agent": "pointsman",
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
}


class OpenAIExecutor:
    """Calls `POST /chat/completions` of any OpenAI-compatible URL over pooled connections."""

    def __init__(self) -> None:
        self._connections = Connections(limit=_GUARDED)
        self._urls: dict[str, URL] = {}
        self._timeouts: dict[tuple[float, bool], aiohttp.ClientTimeout] = {}

    async def open(self, call: Call, step: Step, endpoint: Endpoint, trace: str | None) -> Answer:
        session, base = self._connections.session(str(endpoint.url))
        try:
            response = await session.post(
                self._url(base),
                data=_body(call, endpoint),
                headers=_headers(endpoint, trace),
                timeout=self._timeout(step.timeout_s, stream=call.stream),
                allow_redirects=False,
                **self._connections.route(endpoint),
            )
            if response.status != 200:
                raise await rejection(endpoint.provider, response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failures.from_exception(endpoint.provider, error) from error
        headers = response.headers
        streamed = headers.get("content-type", "").startswith("text/event-stream")
        return Answer(
            model=endpoint.model,
            provider=endpoint.provider,
            deltas=_read_stream(endpoint.provider, response, call, step.timeout_s)
            if streamed
            else _read_whole(endpoint.provider, response),
            confidence=number(headers.get("x-pointsman-confidence")),
            queue_ms=number(headers.get("x-pointsman-queue-ms")),
            compute_ms=number(headers.get("x-pointsman-compute-ms")),
            abandon=response.close,
        )

    async def close(self) -> None:
        await self._connections.close()

    def _url(self, base: str) -> URL:
        """The URL to post to, parsed once."""
        url = self._urls.get(base)
        if url is None:
            url = self._urls[base] = URL(f"{base}/chat/completions")
        return url

    def _timeout(self, limit_s: float, *, stream: bool) -> aiohttp.ClientTimeout:
        """A whole answer has to be complete within the limit; the pieces of a stream are watched as they come."""
        timeout = self._timeouts.get((limit_s, stream))
        if timeout is None:
            timeout = aiohttp.ClientTimeout(
                total=None if stream else limit_s,
                sock_connect=min(CONNECT_S, limit_s),
            )
            self._timeouts[limit_s, stream] = timeout
        return timeout


def _body(call: Call, endpoint: Endpoint) -> bytes:
    """The request as it came, with the target's model name and, for streams, the usage event asked for."""
    fields = dict(call.fields)
    # The worker reads a request that names its task model less strictly than one that a rule sent there.
    named = endpoint.lane == "worker" and call.model.startswith(TASK_PREFIX)
    model = f"{TASK_PREFIX}{endpoint.model}" if named else endpoint.model
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    if call.stream and not call.include_usage:
        options = call.fields.get("stream_options")
        asked = msgspec.json.decode(options) if options is not None else None
        fields["stream_options"] = msgspec.Raw(msgspec.json.encode({**(asked or {}), "include_usage": True}))
    return msgspec.json.encode(fields)


def _headers(endpoint: Endpoint, trace: str | None) -> CIMultiDict[str]:
    """All of them, so that the client library has none to add of its own."""
    headers = CIMultiDict(_HEADERS)
    if endpoint.headers:
        headers.update(endpoint.headers)
    if endpoint.key:
        headers["authorization"] = f"Bearer {endpoint.key}"
    if trace and endpoint.lane == "worker":
        headers["traceparent"] = trace
    return headers


async def _read_whole(
    provider: str, response: aiohttp.ClientResponse
) -> AsyncGenerator[Sequence[Delta], None]:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                response.close()
                raise BadCompletion(
                    f"`{provider}` sent more than {MAX_ANSWER_BYTES // 2**20} MiB as one answer."
                )
            chunks.append(chunk)
        yield (read_event(b"".join(chunks), whole=True),)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise failures.from_exception(provider, error) from error
    finally:
        response.release()


async def _read_stream(
    provider: str, response: aiohttp.ClientResponse, call: Call, piece_s: float
) -> AsyncGenerator[Sequence[Delta], None]:
    """Deltas until `[DONE]`. A stream that ends without it has been cut, however clean its end looks."""
    splitter, hide_usage = EventSplitter(), not call.include_usage
    finished = False
    idle = IdleLimit(piece_s, lambda: response.content.set_exception(TimeoutError()))
    try:
        async for chunk in response.content.iter_any():
            batch, ending = _read_batch(splitter.feed(chunk), hide_usage=hide_usage)
            if batch:
                idle.pause()
                yield batch
                idle.resume()
            if isinstance(ending, BadCompletion):
                raise ending
            if ending:
                finished = response.content.is_eof()
                return
        if splitter.finish() != [DONE]:
            raise BadCompletion(f"`{provider}` ended its stream before it was complete.")
        finished = True
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise failures.from_exception(provider, error) from error
    finally:
        idle.stop()
        # Unread bytes make a connection useless; closing it is also what cancels the work behind it.
        if finished:
            response.release()
        else:
            response.close()


def _read_batch(events: list[bytes], *, hide_usage: bool) -> tuple[list[Delta], bool | BadCompletion]:
    """The deltas of events that came together, and how they end: not, with `[DONE]`, or with garbage after them."""
    batch: list[Delta] = []
    for raw in events:
        if raw == DONE:
            return batch, True
        try:
            batch.append(read_event(raw, hide_usage=hide_usage))
        except BadCompletion as error:
            return batch, error
    return batch, False
