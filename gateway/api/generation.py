"""One call through the pipeline and back, whole and streamed, in whatever API it is asked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from gateway.api import http
from gateway.api.entry import JSON, send_error
from gateway.api.headers import response_headers
from gateway.errors import GatewayError, ShuttingDown, StreamBroken
from gateway.execute.streams import fold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Send

    from gateway.api.dialect import Dialect, Rendering
    from gateway.api.entry import Arrival
    from gateway.pipeline import Pipeline, Reply
    from gateway.types import Call

_LAST_WORD_S = 0.5
_STOPPING = ShuttingDown("The gateway is shutting down and cannot finish this answer; please ask again.")
_EVENTS = b"text/event-stream; charset=utf-8"


class Generation:
    """Answers by the pipeline in one dialect."""

    def __init__(
        self, dialect: Dialect, pipeline: Pipeline, rejected: Callable[[GatewayError, str], None]
    ) -> None:
        """`rejected` hears of every request that does not become a call."""
        self._dialect = dialect
        self._pipeline = pipeline
        self._rejected = rejected

    def refuse(self, error: GatewayError, request_id: str) -> tuple[bytes, http.Headers]:
        return self._dialect.envelope(error, request_id), self._own(request_id)

    async def serve(self, body: bytes, arrival: Arrival, send: Send) -> None:
        try:
            call, rendering = await self._dialect.read(body, arrival)
        except GatewayError as error:
            self._rejected(error, arrival.request_id)
            raise
        await self._answer(call, rendering, send)

    async def _answer(self, call: Call, rendering: Rendering, send: Send) -> None:
        try:
            reply = await self._pipeline.handle(call)
            if not call.stream:
                completion = fold([delta async for batch in reply.deltas for delta in batch])
                body = await rendering.whole(completion, reply.outcome)
        except asyncio.CancelledError:
            await _last_word(send_error(send, _STOPPING, self, call.request_id, call.received_ns))
            raise
        if call.stream:
            await self._stream(reply, rendering, send)
        else:  # the outcome is final, so cost and savings are in the headers
            headers = response_headers(reply.outcome) + self._own(call.request_id)
            await http.send_whole(send, 200, headers, body, JSON)

    async def _stream(self, reply: Reply, rendering: Rendering, send: Send) -> None:
        """Pass events on as they come. Nothing may fail silently after the first byte: it ends with an error event."""
        headers = [
            (b"content-type", _EVENTS),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *response_headers(reply.outcome),
            *self._own(reply.outcome.call.request_id),
        ]
        begun = False
        try:
            async for batch in reply.deltas:  # the first one is at hand already
                if not begun:
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    begun = True
                if events := rendering.events(batch, reply.outcome):
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

    def _own(self, request_id: str) -> http.Headers:
        name = self._dialect.id_header
        return [] if name is None else [(name, request_id.encode())]


async def _last_word(sending: Awaitable[None]) -> None:
    """Tell a caller whose work is cancelled. One that has left hears nothing, and one that is cut off by a shutdown
    must not take what it has for the whole answer; one that does not read must not hold the shutdown."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORD_S):
            await sending
