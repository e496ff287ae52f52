"""The wire shapes of the two providers that `FakeUpstream` speaks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

CREATED = 1_700_000_000
FINGERPRINT = "fp_fake"

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
ERROR_TYPES = {
    "openai": {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"},
    "anthropic": {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error",
                  529: "overloaded_error"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A text answer, before it takes the shape of a provider. Tokens are whitespace-separated words."""

    parts: tuple[str, ...]
    finish_reason: str = "stop"
    usage: tuple[int, int] | None = None
    """Prompt and completion tokens; None counts words."""
    message: dict[str, Any] = field(default_factory=dict)
    """More fields of the message (of the last delta when streamed), e.g. `tool_calls`."""

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def tokens(self, payload: dict[str, Any]) -> tuple[int, int]:
        """Prompt and completion tokens of this answer to `payload`."""
        if self.usage is not None:
            return self.usage
        return len(prompt_text(payload).split()), len(self.text.split()) * int(payload.get("n") or 1)


def content_text(content: Any) -> str:
    """The text of a message's `content`, be it a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def prompt_text(payload: dict[str, Any]) -> str:
    """All text of the request, the system field of Anthropic included."""
    texts = [
        content_text(payload.get("system")),
        *(content_text(m.get("content")) for m in payload["messages"]),
    ]
    return "\n".join(text for text in texts if text)


def echo(payload: dict[str, Any]) -> Answer:
    """The deterministic default answer: the last message, word by word."""
    text = "echo: " + content_text(payload["messages"][-1].get("content"))
    return Answer(tuple(re.findall(r"\s*\S+", text)))


class Shape(Protocol):
    """How one provider writes answers, events and errors."""

    def whole(self, payload: dict[str, Any], answer: Answer) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        ...

    def events(self, payload: dict[str, Any], answer: Answer) -> list[bytes]:
        """Every event of a streamed answer, up to the one that ends it."""
        ...

    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        """The body of an error, and the payload of an error event."""
        ...

    def event(self, payload: dict[str, Any]) -> bytes:
        """One server-sent event with `payload` as its data."""
        ...


class OpenAIShape:
    """Chat completions, as https://platform.openai.com/docs/api-reference/chat writes them."""

    def whole(self, payload: dict[str, Any], answer: Answer) -> dict[str, Any]:
        message = {
            "role": "assistant",
            "content": answer.text,
            "refusal": None,
            "annotations": [],
            **answer.message,
        }
        choices = [
            {"index": i, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
            for i in range(int(payload.get("n") or 1))
        ]
        envelope = self._envelope(payload, "chat.completion")
        return {**envelope, "choices": choices, "usage": self._usage(payload, answer)}

    def events(self, payload: dict[str, Any], answer: Answer) -> list[bytes]:
        include_usage = bool((payload.get("stream_options") or {}).get("include_usage"))
        envelope = self._envelope(payload, "chat.completion.chunk")
        # With include_usage every chunk but the last carries `usage: null`; without it none has the field.
        usage = {"usage": None} if include_usage else {}
        deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": part}, None) for part in answer.parts]
        deltas += [(answer.message, None)] if answer.message else []
        deltas.append(({}, answer.finish_reason))
        chunks = [
            {
                **envelope,
                "choices": [{"index": i, "delta": d, "logprobs": None, "finish_reason": end}],
                **usage,
            }
            for d, end in deltas
            for i in range(int(payload.get("n") or 1))
        ]
        if include_usage:
            chunks.append({**envelope, "choices": [], "usage": self._usage(payload, answer)})
        return [*map(self.event, chunks), b"data: [DONE]\n\n"]

    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        kind = ERROR_TYPES["openai"].get(status, "server_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def event(self, payload: dict[str, Any]) -> bytes:
        return b"data: %b\n\n" % json.dumps(payload).encode()

    def _envelope(self, payload: dict[str, Any], kind: str) -> dict[str, Any]:
        named = {
            "id": "chatcmpl-fake",
            "object": kind,
            "created": CREATED,
            "model": payload.get("model", "fake"),
        }
        return {**named, "service_tier": "default", "system_fingerprint": FINGERPRINT}

    def _usage(self, payload: dict[str, Any], answer: Answer) -> dict[str, Any]:
        prompt, completion = answer.tokens(payload)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


class AnthropicShape:
    """Messages, as https://docs.anthropic.com/en/api/messages writes them."""

    def whole(self, payload: dict[str, Any], answer: Answer) -> dict[str, Any]:
        prompt, completion = answer.tokens(payload)
        return {
            **self._envelope(payload),
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": self._stop_reason(answer),
            "usage": {"input_tokens": prompt, "output_tokens": completion},
        }

    def events(self, payload: dict[str, Any], answer: Answer) -> list[bytes]:
        prompt, completion = answer.tokens(payload)
        usage = {"input_tokens": prompt, "output_tokens": 1}
        message = {**self._envelope(payload), "content": [], "stop_reason": None, "usage": usage}
        delta = {"stop_reason": self._stop_reason(answer), "stop_sequence": None}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *(self._text_delta(part) for part in answer.parts),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": completion}},
            {"type": "message_stop"},
        ]
        return [self.event(event) for event in events]

    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        kind = code or ERROR_TYPES["anthropic"].get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def event(self, payload: dict[str, Any]) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), json.dumps(payload).encode())

    def _envelope(self, payload: dict[str, Any]) -> dict[str, Any]:
        named = {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": payload.get("model", "fake"),
        }
        return {**named, "stop_sequence": None}

    def _stop_reason(self, answer: Answer) -> str:
        return STOP_REASONS.get(answer.finish_reason, answer.finish_reason)

    def _text_delta(self, part: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}


SHAPES: dict[Literal["openai", "anthropic"], Shape] = {"openai": OpenAIShape(), "anthropic": AnthropicShape()}
