"""What a scripted upstream may do with one request: answer well, answer badly, or not at all.

A text answer (`Whole`, `Stream`, `Echo`) takes the form that the request asks for, so one script serves a
test in both forms. Events are counted as server-sent events, the opening one included.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tests.fake_upstream.shapes import Answer, Shape, echo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.loopback import Exchange


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to answer: its parsed body, the shape of its provider, and the socket."""

    payload: dict[str, Any]
    shape: Shape
    exchange: Exchange

    @property
    def streamed(self) -> bool:
        """The client asked for a stream."""
        return bool(self.payload.get("stream"))

    async def send_json(self, body: Mapping[str, Any], *, status: int = 200, **headers: str) -> None:
        """Send `body` as a whole answer; `retry_after="1"` becomes the header `retry-after: 1`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.exchange.send(status, json.dumps(body).encode(), headers=named)


class Behaviour(Protocol):
    """Answers one request, or does not."""

    async def play(self, asked: Asked) -> None:
        """Use `asked.exchange`; returning means that nothing more will be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """Answer with these parts: one event each `gap_s` apart when streamed, joined when whole."""

    parts: Sequence[str]
    gap_s: float = 0.0
    first_delay_s: float = 0.0
    finish_reason: str = "stop"
    usage: tuple[int, int] | None = None
    message: dict[str, Any] = field(default_factory=dict)
    done: bool = True
    """False leaves out the event that ends the stream (`[DONE]`, `message_stop`)."""

    async def play(self, asked: Asked) -> None:
        answer = Answer(tuple(self.parts), self.finish_reason, self.usage, self.message)
        await asyncio.sleep(self.first_delay_s)
        if not asked.streamed:
            await asked.send_json(asked.shape.whole(asked.payload, answer))
            return
        events = asked.shape.events(asked.payload, answer)
        await _send_events(asked, events if self.done else events[:-1], self.gap_s)
        await asked.exchange.end_stream()


def Whole(text: str, **options: Any) -> Stream:  # noqa: N802  it stands beside the classes in a script
    """Answer with `text` in one part; `options` are those of `Stream`."""
    return Stream([text], **options)


@dataclass(frozen=True, slots=True)
class Echo:
    """The default: say the last message back, word by word, with the right usage."""

    async def play(self, asked: Asked) -> None:
        await Stream(echo(asked.payload).parts).play(asked)


@dataclass(frozen=True, slots=True)
class Chunks:
    """Stream these chunk objects verbatim, then `[DONE]`: tool calls, log-probs, several choices."""

    chunks: Sequence[Mapping[str, Any]]
    gap_s: float = 0.0

    async def play(self, asked: Asked) -> None:
        events = [asked.shape.event(dict(chunk)) for chunk in self.chunks]
        await _send_events(asked, [*events, b"data: [DONE]\n\n"], self.gap_s)
        await asked.exchange.end_stream()


@dataclass(frozen=True, slots=True)
class Json:
    """Send this object verbatim as a whole answer, whatever was asked for."""

    body: Mapping[str, Any]
    status: int = 200

    async def play(self, asked: Asked) -> None:
        await asked.send_json(self.body, status=self.status)


@dataclass(frozen=True, slots=True)
class Error:
    """Refuse with `status` and an error body in the provider's shape."""

    status: int
    message: str = "The fake upstream was told to refuse."
    code: str | None = None
    retry_after: float | None = None

    async def play(self, asked: Asked) -> None:
        headers = {} if self.retry_after is None else {"retry_after": f"{self.retry_after:g}"}
        await asked.send_json(
            asked.shape.error(self.status, self.message, self.code), status=self.status, **headers
        )


@dataclass(frozen=True, slots=True)
class Slow:
    """Send nothing for `seconds`, then do `then`."""

    seconds: float
    then: Behaviour = field(default_factory=Echo)

    async def play(self, asked: Asked) -> None:
        await asyncio.sleep(self.seconds)
        await self.then.play(asked)


@dataclass(frozen=True, slots=True)
class Hang:
    """Send `after_events` events of `parts` (0: not even a head), then nothing until the client leaves."""

    after_events: int = 0
    parts: Sequence[str] = ("one", " two", " three", " four")

    async def play(self, asked: Asked) -> None:
        if self.after_events:
            events = asked.shape.events(asked.payload, Answer(tuple(self.parts)))
            await _send_events(asked, events[: self.after_events])
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Cut:
    """Break off: after `after_events` events when streamed, half way through the body when whole."""

    after_events: int = 3
    parts: Sequence[str] = ("one", " two", " three", " four")

    async def play(self, asked: Asked) -> None:
        answer = Answer(tuple(self.parts))
        if asked.streamed:
            await _send_events(asked, asked.shape.events(asked.payload, answer)[: self.after_events])
        else:
            body = json.dumps(asked.shape.whole(asked.payload, answer)).encode()
            await asked.exchange.send(200, body[: len(body) // 2], length=len(body))
        await asked.exchange.cut()


@dataclass(frozen=True, slots=True)
class ErrorInStream:
    """Status 200, `after_events` good events, then an error event and the end (no `[DONE]`)."""

    after_events: int = 2
    message: str = "The fake upstream failed on the way."
    code: str | None = None
    parts: Sequence[str] = ("one", " two", " three", " four")

    async def play(self, asked: Asked) -> None:
        error = asked.shape.error(500, self.message, self.code)
        if not asked.streamed:
            await asked.send_json(error)
            return
        events = asked.shape.events(asked.payload, Answer(tuple(self.parts)))[: self.after_events]
        await _send_events(asked, [*events, asked.shape.event(error)])
        await asked.exchange.end_stream()


@dataclass(frozen=True, slots=True)
class EmptyStream:
    """Status 200 and a stream without one event, or an empty body when whole."""

    async def play(self, asked: Asked) -> None:
        if asked.streamed:
            await _send_events(asked, [])
            await asked.exchange.end_stream()
        else:
            await asked.exchange.send(200, b"")


@dataclass(frozen=True, slots=True)
class Raw:
    """Send exactly this status, these headers and this body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    async def play(self, asked: Asked) -> None:
        await asked.exchange.send(self.status, self.body, headers=self.headers)


def Garbage(body: bytes = b"<html>It works!</html>") -> Raw:  # noqa: N802  it stands beside the classes in a script
    """Status 200 with a body that is no answer."""
    return Raw(200, {"content-type": "text/html"}, body)


@dataclass(frozen=True, slots=True)
class DropConnection:
    """Close the connection without one byte of answer."""

    async def play(self, asked: Asked) -> None:
        await asked.exchange.cut()


async def _send_events(asked: Asked, events: Sequence[bytes], gap_s: float = 0.0) -> None:
    await asked.exchange.start_stream()
    for position, event in enumerate(events):
        if position and gap_s:
            await asyncio.sleep(gap_s)
        await asked.exchange.send_chunk(event)
