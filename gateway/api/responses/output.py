"""Output items put together from pieces of a chat, and the events that tell of it.

A whole answer is fed as one piece: its items are what the events of a stream add up to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import StreamBroken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.api.chunks import Choice, ToolCall

Json = dict[str, Any]
# Kind of content -> the part that holds it, the field with its text, and its events.
_PARTS = {
    "text": ("output_text", "text", "response.output_text"),
    "refusal": ("refusal", "refusal", "response.refusal"),
    "reasoning": ("reasoning_text", "text", "response.reasoning_text"),
}


class Output:
    """The items of one response, in order; the last may still be open."""

    def __init__(self, suffix: str) -> None:
        """`suffix` makes the ids of items unique."""
        self.items: list[Json] = []
        self.finish_reason: str | None = None
        self._suffix = suffix
        self._open: str | int | None = None
        """The kind of content, or the number of the call, that is being written."""
        self._calls: set[int] = set()

    def add(self, choice: Choice) -> Iterator[Json]:
        """The events of one more piece."""
        piece = choice.piece
        if piece.thought:
            yield from self._say("reasoning", piece.thought)
        if piece.text:
            yield from self._say("text", piece.text, (choice.logprobs or {}).get("content") or [])
        if piece.refusal:
            yield from self._say("refusal", piece.refusal)
        for number, call in enumerate(piece.tool_calls or ()):
            yield from self._call(number if call.index is None else call.index, call)
        self.finish_reason = choice.finish_reason or self.finish_reason

    def close(self) -> Iterator[Json]:
        """The events that finish the open item."""
        if self._open is None:
            return
        item, here = self.items[-1], self._here()
        if isinstance(self._open, int):
            yield {
                "type": "response.function_call_arguments.done",
                **here,
                "name": item["name"],
                "arguments": item["arguments"],
            }
        else:
            yield from self._close_part()
        item["status"] = "completed"
        self._open = None
        yield {"type": "response.output_item.done", "output_index": here["output_index"], "item": item}

    def chat_message(self) -> Json:
        """What was said, as the assistant's message of the next chat."""
        texts, calls = [], []
        for item in self.items:
            if item["type"] == "message":
                texts += [part.get("text") or part.get("refusal") or "" for part in item["content"]]
            elif item["type"] == "function_call":
                function = {"name": item["name"], "arguments": item["arguments"]}
                calls.append({"id": item["call_id"], "type": "function", "function": function})
        message: Json = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
        return {**message, "tool_calls": calls} if calls else message

    def _say(self, kind: str, text: str, logprobs: list[Json] | None = None) -> Iterator[Json]:
        name, field, event = _PARTS[kind]
        if self._open != kind:
            yield from self.close()
            yield from self._begin_part(kind, name, field)
        part = self.items[-1]["content"][-1]
        part[field] += text
        extra: Json = {}
        if kind == "text":
            part["logprobs"] += logprobs or []
            extra = {"logprobs": logprobs or []}
        yield {"type": f"{event}.delta", **self._here(), "content_index": 0, "delta": text, **extra}

    def _begin_part(self, kind: str, name: str, field: str) -> Iterator[Json]:
        item: Json = (
            {"type": "reasoning", "id": f"rs_{len(self.items)}{self._suffix}", "summary": []}
            if kind == "reasoning"
            else {"type": "message", "id": f"msg_{len(self.items)}{self._suffix}", "role": "assistant"}
        )
        yield from self._begin(kind, {**item, "status": "in_progress", "content": []})
        part: Json = {"type": name, field: ""}
        if kind == "text":
            part |= {"annotations": [], "logprobs": []}
        self.items[-1]["content"].append(part)
        yield {"type": "response.content_part.added", **self._here(), "content_index": 0, "part": part}

    def _close_part(self) -> Iterator[Json]:
        assert isinstance(self._open, str)  # noqa: S101 the caller has looked
        _, field, event = _PARTS[self._open]
        part, here = self.items[-1]["content"][-1], {**self._here(), "content_index": 0}
        extra = {"logprobs": part["logprobs"]} if self._open == "text" else {}
        yield {"type": f"{event}.done", **here, field: part[field], **extra}
        yield {"type": "response.content_part.done", **here, "part": part}

    def _call(self, number: int, call: ToolCall) -> Iterator[Json]:
        function = call.function
        if number != self._open:
            if number in self._calls:
                raise StreamBroken("The target mixed the fragments of several tool calls.")
            self._calls.add(number)
            yield from self.close()
            item = {
                "type": "function_call",
                "id": f"fc_{len(self.items)}{self._suffix}",
                "call_id": call.id or f"call_{len(self.items)}{self._suffix}",
                "name": (function and function.name) or "",
                "arguments": "",
                "status": "in_progress",
            }
            yield from self._begin(number, item)
        if function and function.arguments:
            self.items[-1]["arguments"] += function.arguments
            delta = {"type": "response.function_call_arguments.delta", "delta": function.arguments}
            yield {**delta, **self._here()}

    def _begin(self, what: str | int, item: Json) -> Iterator[Json]:
        self._open = what
        self.items.append(item)
        yield {"type": "response.output_item.added", "output_index": len(self.items) - 1, "item": item}

    def _here(self) -> Json:
        return {"item_id": self.items[-1]["id"], "output_index": len(self.items) - 1}
