"""Deltas from raw events, and the two laws of one path: a whole answer is the fold of a stream, and back.

`fold(unfold(body)) == body` for every completion that an OpenAI-compatible server can send whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import BadCompletion
from gateway.types import Completion, Delta, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Wire objects are open by nature: providers add fields that we must carry and need not know.
Json = dict[str, Any]
# A default and not `| None`: msgspec reads `Raw | None` as null and nothing else.
_NULL = msgspec.Raw(b"null")


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class _Piece(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[msgspec.Raw] | None = None
    function_call: msgspec.Raw = _NULL


class _Choice(msgspec.Struct):
    delta: _Piece | None = None
    message: _Piece | None = None
    finish_reason: str | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = _NULL


_event = msgspec.json.Decoder(_Event)
# Numbers stay as they were written, beyond what a float holds.
_json = msgspec.json.Decoder(Json, float_hook=lambda digits: msgspec.Raw(digits))
_PIECE_CHARS = 48


def read_event(raw: bytes, *, whole: bool = False, hide_usage: bool = False) -> Delta:
    """One event of a stream, or a whole body, as a `Delta`.

    `hide_usage` marks the usage-only event that the gateway asked for on its own account.
    Raises `BadCompletion` for anything that is not a completion, an error in a success status included.
    """
    try:
        raw.decode()  # fields that the decoder skips are not checked by it, and all of them go on
        event = _event.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCompletion(f"The target's answer is not a chat completion: {error}.") from None
    if _given(event.error):
        raise BadCompletion(f"The target reported an error inside its answer: {_short(bytes(event.error))}")
    if event.choices is None or (whole and not event.choices):
        raise BadCompletion("The target's answer has no `choices`.")
    text, tool_calls, reasoning = "", False, False
    for choice in event.choices:
        piece = choice.message or choice.delta
        if piece is not None:
            text += _text(piece)
            tool_calls = tool_calls or bool(piece.tool_calls) or _given(piece.function_call)
            reasoning = reasoning or bool(piece.reasoning_content or piece.reasoning)
    return Delta(
        raw=raw,
        text=text,
        finish_reason=_finish(event.choices),
        usage=_read_usage(event.usage) if event.usage else None,
        whole=whole,
        tool_calls=tool_calls,
        reasoning=reasoning,
        hidden=hide_usage and not event.choices,
    )


def _text(piece: _Piece) -> str:
    content = piece.content or piece.refusal or ""
    if isinstance(content, str):
        return content
    return "".join(part.text or "" for part in content)


def _given(field: msgspec.Raw) -> bool:
    """Whether a field was sent and is not null; one that was not sent is the default object itself."""
    return field is not _NULL and bytes(field) not in (b"null", b"{}")


def _finish(choices: list[_Choice]) -> str | None:
    """The finish reason of the event; the least complete one when choices differ."""
    found = None
    for choice in choices:
        if choice.finish_reason and found in (None, "stop"):
            found = choice.finish_reason
    return found


def _read_usage(usage: _Usage) -> Usage:
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        prompt_tokens=max(0, usage.prompt_tokens),
        completion_tokens=max(0, usage.completion_tokens),
        cached_tokens=(prompt and prompt.cached_tokens) or 0,
        reasoning_tokens=(completion and completion.reasoning_tokens) or 0,
    )


def finish_reason(deltas: Iterable[Delta]) -> str | None:
    """Why the answer ended; when several choices ended differently, the reason that is not a plain stop."""
    reasons = [delta.finish_reason for delta in deltas if delta.finish_reason]
    return next((reason for reason in reasons if reason != "stop"), reasons[0] if reasons else None)


def fold(deltas: Iterable[Delta]) -> Completion:
    """The whole answer that a sequence of deltas amounts to; `BadCompletion` when it amounts to none."""
    pieces = list(deltas)
    if not pieces:
        raise BadCompletion("The target sent an empty stream.")
    if pieces[-1].whole:
        body, usage = pieces[-1].raw, pieces[-1].usage
    else:
        body = _fold_bodies(piece.raw for piece in pieces)
        usage = next((piece.usage for piece in reversed(pieces) if piece.usage), None)
    return Completion(
        body=body,
        finish_reason=finish_reason(pieces),
        usage=usage,
        tool_calls=any(piece.tool_calls for piece in pieces),
    )


def _fold_bodies(events: Iterable[bytes]) -> bytes:
    try:
        return msgspec.json.encode(_fold_events(_json.decode(event) for event in events))
    except (msgspec.MsgspecError, TypeError, AttributeError, RecursionError) as error:
        raise BadCompletion(f"The target's stream does not add up to a chat completion: {error}.") from None


def _fold_events(events: Iterable[Json]) -> Json:
    body: Json = {}
    choices: dict[int, Json] = {}
    for event in events:
        for name, value in event.items():
            if name != "choices" and (value is not None or name not in body):
                body[name] = value
        for part in event.get("choices") or ():
            index = part.get("index", 0)
            _fold_choice(choices.setdefault(index, {"index": index, "message": {"role": "assistant"}}), part)
    body["object"] = "chat.completion"
    if body.get("usage", 0) is None:
        del body["usage"]
    for choice in choices.values():
        choice["message"].setdefault("content", None)
    body["choices"] = [choices[index] for index in sorted(choices)]
    return body


def _fold_choice(choice: Json, part: Json) -> None:
    for name, value in part.items():
        if name == "delta":
            _fold_message(choice["message"], value or {})
        elif name == "logprobs" and isinstance(value, dict) and isinstance(choice.get(name), dict):
            for kind, tokens in value.items():
                choice[name][kind] = [*(choice[name].get(kind) or []), *(tokens or [])] or tokens
        elif value is not None or name not in choice:
            choice[name] = value


def _fold_message(message: Json, delta: Json) -> None:
    for name, value in delta.items():
        if name == "tool_calls" and value:
            message[name] = _fold_tool_calls(message.get(name) or [], value)
        elif name == "function_call" and value:
            message[name] = _fold_function(message.get(name) or {}, value)
        elif name == "role":
            message[name] = value or message.get(name)
        elif isinstance(value, str) and isinstance(message.get(name), str):
            message[name] += value
        elif value is not None or name not in message:
            message[name] = value


def _fold_tool_calls(calls: list[Json], parts: list[Json]) -> list[Json]:
    """Calls with another round of fragments; `index` says which call a fragment continues."""
    by_index = dict(enumerate(calls))
    for part in parts:
        index = part.get("index")
        call = by_index.setdefault(len(by_index) if index is None else index, {})
        for name, value in part.items():
            if name == "function" and value:
                call[name] = _fold_function(call.get(name) or {}, value)
            elif name != "index" and (value is not None or name not in call):
                call[name] = value
    return [by_index[index] for index in sorted(by_index)]


def _fold_function(function: Json, part: Json) -> Json:
    """Name and arguments grow by appending; the rest is replaced."""
    grown = dict(function)
    for name, value in part.items():
        if isinstance(value, str) and isinstance(grown.get(name), str):
            grown[name] += value
        elif value is not None or name not in grown:
            grown[name] = value
    return grown


def unfold(body: bytes, *, include_usage: bool) -> Iterator[bytes]:
    """The events of a stream that folds back into `body`; usage comes last, in an event of its own."""
    whole = _json.decode(body)
    choices: list[Json] = whole.pop("choices")
    usage = whole.pop("usage", None)
    head = {**whole, "object": "chat.completion.chunk"}
    tail: Json = {"usage": None} if include_usage else {}
    for choice in choices:
        for part in _unfold_choice(choice):
            yield msgspec.json.encode({**head, "choices": [part], **tail})
    if include_usage:
        yield msgspec.json.encode({**head, "choices": [], "usage": usage})


def _unfold_choice(choice: Json) -> Iterator[Json]:
    message = dict(choice.get("message") or {})
    index = choice.get("index", 0)
    content = message.pop("content", None)
    calls = message.pop("tool_calls") if message.get("tool_calls") else ()
    first: Json = {**message, "content": "" if isinstance(content, str) else content}
    rest = {k: v for k, v in choice.items() if k not in ("message", "finish_reason", "index")}
    yield {"index": index, "delta": first, "finish_reason": None}
    for piece in _pieces(content):
        yield {"index": index, "delta": {"content": piece}, "finish_reason": None}
    for number, call in enumerate(calls):
        yield {"index": index, "delta": {"tool_calls": [{**call, "index": number}]}, "finish_reason": None}
    yield {"index": index, "delta": {}, **rest, "finish_reason": choice.get("finish_reason")}


def _pieces(text: str | None) -> Iterator[str]:
    """Cut text into pieces of about a line, so that a replayed stream still looks like one."""
    for start in range(0, len(text or ""), _PIECE_CHARS):
        yield (text or "")[start : start + _PIECE_CHARS]


def _short(raw: bytes, limit: int = 300) -> str:
    return raw[:limit].decode("utf-8", "replace")
