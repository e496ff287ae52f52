"""Messages and their content blocks, from Anthropic's form into that of chat completions.

What has no counterpart there is refused by name, never left out. Two things are left out because they change no
answer: `cache_control`, a hint about billing, and thoughts of earlier turns, which Anthropic's own models do not
read again either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]  # open by nature: what was sent, before and after translation
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})


def chat_messages(messages: object) -> Iterator[Json]:
    """Chat messages that say the same; raises `InvalidRequest` that names the place."""
    for index, message in enumerate(listed(messages, "messages")):
        where = f"messages[{index}]"
        role = entry(message, "role", where)
        content = message.get("content")
        if role == "user":
            yield from _user(blocks(content, f"{where}.content"), f"{where}.content")
        elif role == "assistant":
            yield _assistant(blocks(content, f"{where}.content"), f"{where}.content")
        else:
            raise InvalidRequest(
                f"`{where}.role` is {str(role)[:40]!r}; use user or assistant, and `system` for instructions.",
                param=f"{where}.role",
            )


def system_text(system: object) -> str:
    """The system prompt as one text."""
    found = blocks(system, "system")
    for index, block in enumerate(found):
        if block["type"] != "text":
            raise _refused(block["type"], f"system[{index}]", "text")
    return "\n\n".join(_text_of(block, f"system[{i}]") for i, block in enumerate(found))


def listed(value: object, where: str) -> list[Json]:
    """`value` if it is a list of objects."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest(f"`{where}` must be a list of objects.", param=where)
    return value


def entry(owner: Json, name: str, where: str) -> str:
    """The string `name` of an object."""
    value = owner.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"`{where}.{name}` is missing or no string.", param=f"{where}.{name}")
    return value


def blocks(content: object, where: str) -> list[Json]:
    """Content as a list of blocks, each with a `type`; a plain string is one block of text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    found = listed(content, where)
    for index, block in enumerate(found):
        entry(block, "type", f"{where}[{index}]")
    return found


def _user(content: list[Json], where: str) -> Iterator[Json]:
    """Results of tools come first, each a message of its own; what else was said follows."""
    parts: list[Json] = []
    for index, block in enumerate(content):
        place = f"{where}[{index}]"
        if block["type"] == "tool_result":
            message, shown = _tool_result(block, place)
            yield message
            parts += shown
        else:
            parts.append(_part(block, place))
    if parts:
        plain = len(parts) == 1 and parts[0]["type"] == "text"
        yield {"role": "user", "content": parts[0]["text"] if plain else parts}


def _tool_result(block: Json, where: str) -> tuple[Json, list[Json]]:
    """The tool's message, and what it shows beside text: a chat's tool message holds text alone."""
    texts, shown = [], []
    for index, inner in enumerate(blocks(block.get("content") or "", f"{where}.content")):
        part = _part(inner, f"{where}.content[{index}]")
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            shown.append(part)
    said = "\n".join(texts) or ("(The result follows in the next message.)" if shown else "")
    if block.get("is_error"):
        said = f"Error: {said}"
    call_id = entry(block, "tool_use_id", where)
    return {"role": "tool", "tool_call_id": call_id, "content": said}, shown


def _assistant(content: list[Json], where: str) -> Json:
    texts: list[str] = []
    calls: list[Json] = []
    for index, block in enumerate(content):
        place = f"{where}[{index}]"
        kind = block["type"]
        if kind == "text":
            texts.append(_text_of(block, place))
        elif kind == "tool_use":
            calls.append(_tool_call(block, place))
        elif kind not in _THOUGHTS:
            raise _refused(kind, place, "text, tool_use, thinking")
    message: Json = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    return {**message, "tool_calls": calls} if calls else message


def _tool_call(block: Json, where: str) -> Json:
    if not isinstance(block.get("input"), dict):
        raise InvalidRequest(f"`{where}.input` must be an object.", param=f"{where}.input")
    arguments = msgspec.json.encode(block["input"]).decode()
    function = {"name": entry(block, "name", where), "arguments": arguments}
    return {"id": entry(block, "id", where), "type": "function", "function": function}


def _part(block: Json, where: str) -> Json:
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": _text_of(block, where)}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _url(_source(block, where), f"{where}.source")}}
    if kind == "document":
        return _document(block, where)
    raise _refused(kind, where, "text, image, document, tool_result")


def _document(block: Json, where: str) -> Json:
    source = _source(block, where)
    kind = source.get("type")
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        raise InvalidRequest(
            f"`{where}.citations` is not supported here; leave it out.", param=f"{where}.citations"
        )
    if kind == "text":
        return {"type": "text", "text": entry(source, "data", f"{where}.source")}
    if kind == "base64":
        name = block.get("title") or "document.pdf"
        return {
            "type": "file",
            "file": {"filename": name, "file_data": _url(source, f"{where}.source")},
        }
    raise InvalidRequest(
        f"`{where}.source.type` is {str(kind)[:40]!r}; send the document as `text` or `base64`.",
        param=f"{where}.source.type",
    )


def _source(block: Json, where: str) -> Json:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidRequest(f"`{where}.source` is missing or no object.", param=f"{where}.source")
    return source


def _url(source: Json, where: str) -> str:
    kind = source.get("type")
    if kind == "url":
        return entry(source, "url", where)
    if kind == "base64":
        return f"data:{entry(source, 'media_type', where)};base64,{entry(source, 'data', where)}"
    raise InvalidRequest(
        f"`{where}.type` is {str(kind)[:40]!r}; send it as `base64` or `url`.", param=f"{where}.type"
    )


def _text_of(block: Json, where: str) -> str:
    return entry(block, "text", where)


def _refused(kind: object, where: str, known: str) -> InvalidRequest:
    return InvalidRequest(
        f"`{where}.type` is {str(kind)[:40]!r}, which cannot be passed on to another provider's model; "
        f"supported here: {known}.",
        param=f"{where}.type",
    )
