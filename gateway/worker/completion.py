"""Chat completions in OpenAI's schema, rendered from the pieces of an answer: whole, or one event for each."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from routers.specialists.language import Piece, Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """Identity of one answer; the same in its whole and its streamed form."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def whole(self, pieces: AsyncIterator[Piece]) -> dict[str, Any]:
        """Fold the pieces into a `chat.completion` object."""
        texts: dict[int, list[str]] = {}
        reasons: dict[int, str] = {}
        usage: Usage | None = None
        async for piece in pieces:
            usage = piece.usage or usage
            if piece.text or piece.finish_reason:
                texts.setdefault(piece.index, []).append(piece.text)
            if piece.finish_reason:
                reasons[piece.index] = piece.finish_reason
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": "".join(parts), "refusal": None},
                "logprobs": None,
                "finish_reason": reasons.get(index, "stop"),
            }
            for index, parts in sorted(texts.items())
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": _usage(usage)}

    async def chunks(
        self, pieces: AsyncIterator[Piece], *, include_usage: bool
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield `chat.completion.chunk` objects; with `include_usage` the last has no choices but the usage."""
        head = self._head("chat.completion.chunk")
        if include_usage:
            head["usage"] = None
        begun: set[int] = set()
        async for piece in pieces:
            if piece.text or piece.finish_reason:
                if piece.index not in begun:
                    begun.add(piece.index)
                    yield {
                        **head,
                        "choices": [_choice(piece.index, {"role": "assistant", "content": ""}, None)],
                    }
                if piece.text:
                    yield {**head, "choices": [_choice(piece.index, {"content": piece.text}, None)]}
                if piece.finish_reason:
                    yield {**head, "choices": [_choice(piece.index, {}, piece.finish_reason)]}
            if piece.usage and include_usage:
                yield {**head, "choices": [], "usage": _usage(piece.usage)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _choice(index: int, delta: dict[str, str], reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}


def _usage(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
