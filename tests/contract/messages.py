"""Requests, and answers of an upstream, for tests of APIs that are translated."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anthropic

from tests.fake_upstream import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.processes import Pointsman

WEATHER = {
    "name": "weather",
    "description": "Weather of a place",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Oslo"}'}}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@contextmanager
def client_of(gateway: Pointsman, key: str = "unused") -> Iterator[anthropic.Anthropic]:
    """The official client with nothing changed but `base_url`."""
    with anthropic.Anthropic(base_url=gateway.origin, api_key=key, max_retries=0, timeout=60.0) as client:
        yield client


def ask(text: str, **options: Any) -> dict[str, Any]:
    return {
        "model": "auto",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **options,
    }


def chunk(delta: dict[str, Any], finish: str | None = None, **choice: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish, **choice}]
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": choices,
    }


def whole(message: dict[str, Any], finish: str = "stop", **choice: Any) -> Json:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}]
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    return Json(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": choices,
            "usage": usage,
        }
    )
