"""Deltas as typed pieces, for renderings that say an answer in another form than it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import BadCompletion, StreamBroken
from gateway.execute.streams import unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.types import Delta


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call, or a fragment of one that `index` names."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None


class Text(msgspec.Struct):
    text: str | None = None


class Piece(msgspec.Struct):
    """A message, or what a stream adds to it."""

    content: str | list[Text] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None

    @property
    def text(self) -> str:
        """What was said, without what was thought or refused."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct):
    index: int = 0
    delta: Piece | None = None
    message: Piece | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """The stop sequence that was met, where a server says so: vLLM does."""
    logprobs: dict[str, Any] | None = None

    @property
    def piece(self) -> Piece:
        return self.delta or self.message or Piece()


class Chunk(msgspec.Struct):
    """One event of a stream, or a whole completion."""

    choices: list[Choice] = msgspec.field(default_factory=list)
    id: str = ""
    model: str = ""
    created: int = 0
    system_fingerprint: str | None = None


_decoder = msgspec.json.Decoder(Chunk)


def read_whole(body: bytes) -> Chunk:
    """A completion's body; raises `BadCompletion`."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BadCompletion(f"The target's answer cannot be put into another form: {error}.") from None


def read_chunks(batch: Sequence[Delta]) -> Iterator[Chunk]:
    """The events of deltas, a whole answer taken apart into some; raises `StreamBroken`."""
    try:
        for delta in batch:
            if delta.whole:
                yield from map(_decoder.decode, unfold(delta.raw, include_usage=False))
            else:
                yield _decoder.decode(delta.raw)
    except msgspec.DecodeError as error:
        raise StreamBroken(f"The target's answer cannot be put into another form: {error}.") from None
