"""Input items as chat messages: https://platform.openai.com/docs/api-reference/responses/create.

What has no counterpart in a chat is refused by name. Reasoning items are left out: they hold thoughts of earlier
turns, which no chat takes back.
"""

from __future__ import annotations

from typing import Any

from gateway.errors import InvalidRequest

Json = dict[str, Any]
_ROLES = frozenset({"user", "assistant", "system", "developer"})
_TEXTS = frozenset({"input_text", "output_text", "text"})


def chat_messages(value: object) -> list[Json]:
    """Chat messages that say the same as `input`; raises `InvalidRequest` that names the place."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest("`input` must be a text or a list of items.", param="input")
    messages: list[Json] = []
    for index, item in enumerate(value):
        _add(messages, item, f"input[{index}]")
    return messages


def _add(messages: list[Json], item: Json, where: str) -> None:
    kind = item.get("type") or "message"
    if kind == "message":
        messages.append(_message(item, where))
    elif kind == "function_call":
        _add_call(messages, item, where)
    elif kind == "function_call_output":
        content = _content(item.get("output"), f"{where}.output")
        messages.append({"role": "tool", "tool_call_id": text_of(item, "call_id", where), "content": content})
    elif kind != "reasoning":
        raise InvalidRequest(
            f"`{where}.type` is {str(kind)[:60]!r}, which cannot be passed on as a chat; supported here: message, "
            "function_call, function_call_output, reasoning.",
            param=f"{where}.type",
        )


def _message(item: Json, where: str) -> Json:
    role = item.get("role")
    if role not in _ROLES:
        raise InvalidRequest(
            f"`{where}.role` is {str(role)[:40]!r}; use user, assistant, system or developer.",
            param=f"{where}.role",
        )
    return {"role": role, "content": _content(item.get("content"), f"{where}.content")}


def _add_call(messages: list[Json], item: Json, where: str) -> None:
    """A call belongs to the assistant's message before it, with the other calls of that turn."""
    function = {"name": text_of(item, "name", where), "arguments": text_of(item, "arguments", where)}
    call = {"id": text_of(item, "call_id", where), "type": "function", "function": function}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(call)


def _content(value: object, where: str) -> str | list[Json]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise InvalidRequest(f"`{where}` must be a text or a list of parts.", param=where)
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(value)]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Json, where: str) -> Json:
    kind = part.get("type")
    if kind in _TEXTS:
        return {"type": "text", "text": text_of(part, "text", where)}
    if kind == "refusal":
        return {"type": "text", "text": text_of(part, "refusal", where)}
    if kind == "input_image" and part.get("file_id") is None:
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": text_of(part, "image_url", where), **detail}}
    if kind == "input_file" and part.get("file_url") is None:
        file = {name: part[name] for name in ("file_id", "file_data", "filename") if part.get(name)}
        return {"type": "file", "file": file}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    told = "an image by `file_id`" if kind == "input_image" else repr(str(kind)[:60])
    raise InvalidRequest(
        f"`{where}` is {told}, which cannot be passed on as a chat; supported here: input_text, input_image by "
        "`image_url`, input_file by `file_data` or `file_id`, input_audio.",
        param=where,
    )


def text_of(owner: Json, name: str, where: str) -> str:
    """The text `name` of an object."""
    value = owner.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"`{where}.{name}` is missing or no text.", param=f"{where}.{name}")
    return value
