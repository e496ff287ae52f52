"""`POST /v1/chat/completions`, whole and streamed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING

from gateway.api import errors, http
from gateway.api.wire import build_call
from gateway.cache.eligibility import parse_cache_control
from gateway.errors import GatewayError, MethodNotAllowed, ShuttingDown, StreamBroken
from gateway.execute.events import DONE, frame
from gateway.execute.streams import fold, unfold
from gateway.telemetry import names as n
from gateway.types import CacheDirective

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from gateway.auth import Authenticator
    from gateway.pipeline import Pipeline, Reply
    from gateway.types import Call, Delta, Outcome
    from policies.decision import Decision

_ids = random.Random()  # noqa: S311 an id is no secret; it has to be unique, over processes too
_LAST_WORD_S = 0.5
_STOPPING = ShuttingDown("The gateway is shutting down and cannot finish this answer; please ask again.")
_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"
_PRINTABLE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
# What a policy may match on. Credentials stay out, and so do our own headers: a client cannot speak for the gateway.
_WITHHELD = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "api-key"})


class ChatCompletions:
    """The endpoint as an ASGI application."""

    def __init__(
        self,
        pipeline: Pipeline,
        authenticator: Authenticator,
        max_body_bytes: int,
        rejected: Callable[[GatewayError, str], None],
    ) -> None:
        """`rejected` hears of every request that does not become a call."""
        self._pipeline = pipeline
        self._rejected = rejected
        self._authenticator = authenticator
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = f"req_{_ids.getrandbits(96):024x}"
        try:
            try:
                call = await self._read(scope, receive, request_id)
            except GatewayError as error:
                self._rejected(error, request_id)
                raise
            await http.until_client_leaves(receive, self._answer(call, send))
        except http.ClientLeft:
            return
        except GatewayError as error:
            headers = [*errors.headers(error), (b"x-request-id", request_id.encode())]
            await http.send_whole(send, error.http_status, headers, errors.envelope(error), _JSON)

    async def _read(self, scope: Scope, receive: Receive, request_id: str) -> Call:
        received_ns = time.time_ns()
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not supported here; use POST.")
        headers = http.read_headers(scope)
        caller = self._authenticator.authenticate(headers.get("authorization"))
        body = await http.read_body(receive, headers, self._max_body_bytes)
        return build_call(
            body,
            request_id=request_id,
            caller=caller,
            headers=_visible(headers),
            cache=CacheDirective(*parse_cache_control(headers.get("cache-control"))),
            received_ns=received_ns,
        )

    async def _answer(self, call: Call, send: Send) -> None:
        try:
            reply = await self._pipeline.handle(call)
            if not call.stream:
                completion = fold([delta async for batch in reply.deltas for delta in batch])
        except asyncio.CancelledError:
            headers = [*errors.headers(_STOPPING), (b"x-request-id", call.request_id.encode())]
            body = errors.envelope(_STOPPING)
            await _last_word(http.send_whole(send, _STOPPING.http_status, headers, body, _JSON))
            raise
        if call.stream:
            await _stream(reply, send)
        else:  # the outcome is final, so cost and savings are in the headers
            await http.send_whole(send, 200, response_headers(reply.outcome), completion.body, _JSON)


async def _stream(reply: Reply, send: Send) -> None:
    """Pass events on as they come. Nothing may fail silently after the first byte: no `[DONE]`, but an error event."""
    call = reply.outcome.call
    headers = [
        (b"content-type", _EVENTS),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
        *response_headers(reply.outcome),
    ]
    end, begun = frame(DONE), False
    try:
        async for batch in reply.deltas:  # the first one is at hand already
            if not begun:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            if events := b"".join(frame(event) for delta in batch for event in _events(delta, call)):
                await send({"type": "http.response.body", "body": events, "more_body": True})
    except StreamBroken as error:
        end = frame(errors.envelope(error))
    except asyncio.CancelledError:
        if begun:
            event = {"type": "http.response.body", "body": frame(errors.envelope(_STOPPING))}
            await _last_word(send(event))
        raise
    finally:
        await reply.deltas.aclose()
    await send({"type": "http.response.body", "body": end})


async def _last_word(sending: Awaitable[None]) -> None:
    """Tell a caller whose work is cancelled. One that has left hears nothing, and one that is cut off by a shutdown
    must not take what it has for the whole answer; one that does not read must not hold the shutdown."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORD_S):
            await sending


def _events(delta: Delta, call: Call) -> Iterator[bytes]:
    if delta.whole:
        yield from unfold(delta.raw, include_usage=call.include_usage)
    elif not delta.hidden:
        yield delta.raw


def response_headers(outcome: Outcome) -> http.Headers:
    """The decision headers. Cost and savings appear once they are known: not on a stream that is still running."""
    values = {
        n.HEADER_TARGET: outcome.target,
        n.HEADER_MODEL: outcome.model,
        n.HEADER_RULE: outcome.rule,
        n.HEADER_POLICY: outcome.policy_version,
        n.HEADER_TASK: outcome.task,
        n.HEADER_DOMAIN: outcome.domain,
        n.HEADER_DIFFICULTY: _number(outcome.difficulty, 3),
        n.HEADER_CONFIDENCE: _number(outcome.confidence, 4),
        n.HEADER_CACHE: outcome.cache,
        n.HEADER_COST: _number(outcome.cost_usd, 9),
        n.HEADER_SAVED: _number(outcome.saved_usd, 9),
        n.HEADER_OVERHEAD: _number(outcome.overhead_ms, 3),
        n.HEADER_TRACE: outcome.trace_id,
        n.HEADER_EXPERIMENT: _experiment(outcome.decision),
        n.HEADER_DEGRADED: outcome.degraded,
        n.HEADER_REQUEST_ID: outcome.call.request_id,
    }
    return [(name.encode(), _safe(value)) for name, value in values.items() if value]


def _experiment(decision: Decision | None) -> str | None:
    if decision is None or decision.experiment is None:
        return None
    return f"{decision.experiment}/{decision.arm}"


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _safe(value: str) -> bytes:
    """A header value: Latin-1 without line breaks and other controls, whatever a model name contains."""
    return value.encode("latin-1", "replace").translate(_PRINTABLE)


def _visible(headers: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k not in _WITHHELD and not k.startswith("x-pointsman-")}
