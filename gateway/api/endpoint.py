"""One call through the pipeline and back, whole and streamed, in whatever API it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from gateway.api import errors, http
from gateway.api.dialect import Arrival
from gateway.api.headers import new_request_id, response_headers, stamped, visible
from gateway.cache.eligibility import parse_cache_control
from gateway.errors import GatewayError, MethodNotAllowed, ShuttingDown, StreamBroken
from gateway.execute.streams import fold
from gateway.types import CacheDirective

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from gateway.api.dialect import Dialect, Rendering
    from gateway.auth import Authenticator
    from gateway.pipeline import Pipeline, Reply
    from gateway.types import Call

_LAST_WORD_S = 0.5
_STOPPING = ShuttingDown("The gateway is shutting down and cannot finish this answer; please ask again.")
_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"


class Endpoint:
    """An endpoint that generates, as an ASGI application."""

    def __init__(
        self,
        dialect: Dialect,
        pipeline: Pipeline,
        authenticator: Authenticator,
        max_body_bytes: int,
        rejected: Callable[[GatewayError, str], None],
    ) -> None:
        """`rejected` hears of every request that does not become a call."""
        self._dialect = dialect
        self._pipeline = pipeline
        self._rejected = rejected
        self._authenticator = authenticator
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, received_ns = new_request_id(), time.time_ns()
        try:
            try:
                call, rendering = await self._read(scope, receive, request_id, received_ns)
            except GatewayError as error:
                self._rejected(error, request_id)
                raise
            await http.until_client_leaves(receive, self._answer(call, rendering, send))
        except http.ClientLeft:
            return
        except GatewayError as error:
            await self._refuse(error, request_id, received_ns, send)

    async def _read(
        self, scope: Scope, receive: Receive, request_id: str, received_ns: int
    ) -> tuple[Call, Rendering]:
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not supported here; use POST.")
        headers = http.read_headers(scope)
        caller = self._authenticator.authenticate(http.authorization(headers))
        body = await http.read_body(receive, headers, self._max_body_bytes)
        arrival = Arrival(
            request_id,
            caller,
            visible(headers),
            CacheDirective(*parse_cache_control(headers.get("cache-control"))),
            received_ns,
        )
        return await self._dialect.read(body, arrival)

    async def _refuse(self, error: GatewayError, request_id: str, received_ns: int, send: Send) -> None:
        headers = [*errors.headers(error), *stamped(request_id, received_ns)]
        await http.send_whole(
            send, error.http_status, headers, self._dialect.envelope(error, request_id), _JSON
        )

    async def _answer(self, call: Call, rendering: Rendering, send: Send) -> None:
        try:
            reply = await self._pipeline.handle(call)
            if not call.stream:
                completion = fold([delta async for batch in reply.deltas for delta in batch])
                body = await rendering.whole(completion, reply.outcome)
        except asyncio.CancelledError:
            await _last_word(self._refuse(_STOPPING, call.request_id, call.received_ns, send))
            raise
        if call.stream:
            await _stream(reply, rendering, send)
        else:  # the outcome is final, so cost and savings are in the headers
            await http.send_whole(send, 200, response_headers(reply.outcome), body, _JSON)


async def _stream(reply: Reply, rendering: Rendering, send: Send) -> None:
    """Pass events on as they come. Nothing may fail silently after the first byte: it ends with an error event."""
    headers = [
        (b"content-type", _EVENTS),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
        *response_headers(reply.outcome),
    ]
    begun = False
    try:
        async for batch in reply.deltas:  # the first one is at hand already
            events = rendering.events(batch, reply.outcome)
            if not begun:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            if events:
                await send({"type": "http.response.body", "body": events, "more_body": True})
        end = await rendering.end(reply.outcome)
    except StreamBroken as error:
        end = rendering.broken(error)
    except asyncio.CancelledError:
        if begun:
            event = {"type": "http.response.body", "body": rendering.broken(_STOPPING)}
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
