"""Answers in Anthropic's form: one message, or the events of a stream with its blocks in order.

https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api.anthropic.errors import error_body
from gateway.api.chunks import read_chunks, read_whole
from gateway.errors import BadCompletion, StreamBroken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.api.chunks import Choice, Piece, ToolCall
    from gateway.errors import GatewayError
    from gateway.types import Completion, Delta, Outcome

Json = dict[str, Any]
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class MessageRendering:
    """One answer; keeps which block of it is open."""

    def __init__(self, stops: Sequence[str]) -> None:
        """`stops` are the request's stop sequences."""
        self._stops = frozenset(stops)
        self._begun = False
        self._index = -1
        self._open: str | int | None = None
        """`text`, `thinking`, or the number of the tool call that is being written."""
        self._calls: set[int] = set()
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None

    async def whole(self, completion: Completion, outcome: Outcome) -> bytes:
        body = read_whole(completion.body)
        choice = body.choices[0]
        self._finish(choice)
        message = _message(outcome, body.model) | {
            "content": list(_blocks(choice.piece)),
            "stop_reason": self._stop_reason or "end_turn",
            "stop_sequence": self._stop_sequence,
            "usage": _usage(outcome),
        }
        return msgspec.json.encode(message)

    def events(self, batch: Sequence[Delta], outcome: Outcome) -> bytes:
        return b"".join(_event(event) for event in self._events(batch, outcome))

    async def end(self, outcome: Outcome) -> bytes:
        delta = {"stop_reason": self._stop_reason or "end_turn", "stop_sequence": self._stop_sequence}
        closing = [
            *self._close(),
            {"type": "message_delta", "delta": delta, "usage": _usage(outcome)},
            {"type": "message_stop"},
        ]
        return b"".join(map(_event, closing))

    def broken(self, error: GatewayError) -> bytes:
        return b"event: error\ndata: " + error_body(error) + b"\n\n"

    def _events(self, batch: Sequence[Delta], outcome: Outcome) -> Iterator[Json]:
        for chunk in read_chunks(batch):
            if not self._begun:
                self._begun = True
                head = _message(outcome, chunk.model) | {"content": [], "stop_reason": None}
                yield {
                    "type": "message_start",
                    "message": {**head, "stop_sequence": None, "usage": _usage(outcome)},
                }
                yield {"type": "ping"}
            for choice in chunk.choices:
                if choice.index == 0:
                    yield from self._piece(choice.piece)
                    self._finish(choice)

    def _piece(self, piece: Piece) -> Iterator[Json]:
        if piece.thought:
            yield from self._ensure("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._delta({"type": "thinking_delta", "thinking": piece.thought})
        if said := piece.text or piece.refusal:
            yield from self._ensure("text", {"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": said})
        for call in piece.tool_calls or ():
            yield from self._tool_call(call)

    def _tool_call(self, call: ToolCall) -> Iterator[Json]:
        number = call.index or 0
        function = call.function
        if number != self._open:
            if number in self._calls:
                raise StreamBroken("The target mixed the fragments of several tool calls.")
            self._calls.add(number)
            name = (function and function.name) or ""
            yield from self._ensure(
                number, {"type": "tool_use", "id": call.id or f"toolu_{number}", "name": name, "input": {}}
            )
        if function and function.arguments:
            yield self._delta({"type": "input_json_delta", "partial_json": function.arguments})

    def _ensure(self, kind: str | int, block: Json) -> Iterator[Json]:
        """Open a block unless one of its kind is open."""
        if self._open == kind:
            return
        yield from self._close()
        self._open = kind
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}

    def _close(self) -> Iterator[Json]:
        if self._open is not None:
            self._open = None
            yield {"type": "content_block_stop", "index": self._index}

    def _delta(self, delta: Json) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _finish(self, choice: Choice) -> None:
        if choice.finish_reason is None:
            return
        self._stop_reason = _STOP_REASONS.get(choice.finish_reason, "end_turn")
        if isinstance(choice.stop_reason, str) and choice.stop_reason in self._stops:
            self._stop_reason, self._stop_sequence = "stop_sequence", choice.stop_reason


def _blocks(piece: Piece) -> Iterator[Json]:
    if piece.thought:
        yield {"type": "thinking", "thinking": piece.thought, "signature": ""}
    if said := piece.text or piece.refusal:
        yield {"type": "text", "text": said}
    for number, call in enumerate(piece.tool_calls or ()):
        name = (call.function and call.function.name) or ""
        yield {
            "type": "tool_use",
            "id": call.id or f"toolu_{number}",
            "name": name,
            "input": _input(call, name),
        }


def _input(call: ToolCall, name: str) -> Json:
    arguments = (call.function and call.function.arguments) or "{}"
    try:
        return msgspec.json.decode(arguments, type=Json)
    except msgspec.DecodeError as error:
        raise BadCompletion(
            f"The target called `{name}` with arguments that are no JSON object: {error}."
        ) from None


def _message(outcome: Outcome, model: str) -> Json:
    return {
        "id": f"msg_{outcome.call.request_id.removeprefix('req_')}",
        "type": "message",
        "role": "assistant",
        "model": model or outcome.model,
    }


def _usage(outcome: Outcome) -> Json:
    """Tokens as far as they are known: those of the prompt are an estimate until the target has counted them."""
    usage = outcome.usage
    if usage is None:
        prompt, cached, completion = (outcome.signals.tokens if outcome.signals else 0), 0, 0
    else:
        prompt, cached, completion = usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens
    return {
        "input_tokens": max(0, prompt - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": completion,
    }


def _event(event: Json) -> bytes:
    name: str = event["type"]
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
