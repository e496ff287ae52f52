"""`POST /v1/chat/completions`: what the pipeline itself speaks, so bytes pass as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api import errors
from gateway.api.wire import build_call
from gateway.execute.events import DONE, frame
from gateway.execute.streams import unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.api.dialect import Rendering
    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.types import Call, Completion, Delta, Outcome

_END = frame(DONE)


class Chat:
    """OpenAI's chat completions."""

    id_header = None

    async def read(self, body: bytes, arrival: Arrival) -> tuple[Call, Rendering]:
        return call_of(body, arrival), _RENDERING

    def envelope(self, error: GatewayError, request_id: str) -> bytes:
        return errors.envelope(error)


class _Rendering:
    """Holds nothing of any answer."""

    async def whole(self, completion: Completion, outcome: Outcome) -> bytes:
        return completion.body

    def events(self, batch: Sequence[Delta], outcome: Outcome) -> bytes:
        return b"".join(frame(event) for delta in batch for event in _events(delta, outcome.call))

    async def end(self, outcome: Outcome) -> bytes:
        return _END

    def broken(self, error: GatewayError) -> bytes:
        return frame(errors.envelope(error))


_RENDERING = _Rendering()


def call_of(body: bytes, arrival: Arrival) -> Call:
    """The call that a body in chat completions asks for."""
    return build_call(
        body,
        request_id=arrival.request_id,
        caller=arrival.caller,
        headers=arrival.headers,
        cache=arrival.cache,
        received_ns=arrival.received_ns,
    )


def _events(delta: Delta, call: Call) -> Iterator[bytes]:
    if delta.whole:
        yield from unfold(delta.raw, include_usage=call.include_usage)
    elif not delta.hidden:
        yield delta.raw
