"""A request of the Responses API as one of chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.api.responses.items import chat_messages, text_of
from gateway.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Json = dict[str, Any]
_CLOSED = {
    "background": "ask for a stream, or wait",
    "conversation": "use `previous_response_id`",
    "context_management": "send the context that the model shall see",
    "moderation": "call `/v1/moderations`",
    "prompt": "stored prompts lie at OpenAI; send `instructions` and `input`",
}
_INCLUDED = frozenset({"message.output_text.logprobs", "reasoning.encrypted_content"})
_MODES = frozenset({"auto", "none", "required"})
_OWN = frozenset({"model", "input", "instructions", "previous_response_id", "store", "stream_options"})


def chat_request(asked: Json, earlier: Sequence[Json]) -> Json:
    """The chat request that asks the same after `earlier` messages. Fields that neither API knows go on as they are.

    Raises `InvalidRequest` for what cannot be said in a chat.
    """
    for name, why in _CLOSED.items():
        if asked.get(name):
            raise InvalidRequest(f"`{name}` is not supported here: {why}.", param=name)
    if asked.get("input") is None:
        raise InvalidRequest("`input` is missing; add it to the request body.", param="input")
    messages = [*earlier, *chat_messages(asked["input"])]
    if asked.get("instructions"):
        messages.insert(0, {"role": "system", "content": text_of(asked, "instructions", "request")})
    chat: Json = {"messages": messages, "model": asked.get("model") or "auto"}
    for name, value in asked.items():
        if name in _OWN or value is None:
            continue
        translate = _FIELDS.get(name)
        chat.update({name: value} if translate is None else translate(value))
    return chat


def _max_output_tokens(value: object) -> Json:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(
            "`max_output_tokens` must be a whole number of at least 1.", param="max_output_tokens"
        )
    return {"max_completion_tokens": value}


def _tools(value: object) -> Json:
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise InvalidRequest("`tools` must be a list of objects.", param="tools")
    kinds = sorted({str(tool.get("type"))[:60] for tool in value} - {"function"})
    if kinds:
        raise InvalidRequest(
            f"Built-in tools run at OpenAI and are not supported here: {', '.join(kinds)}. Offer functions.",
            param="tools",
        )
    tools = []
    for index, tool in enumerate(value):
        function = {"name": text_of(tool, "name", f"tools[{index}]")}
        function |= {k: tool[k] for k in ("description", "parameters", "strict") if tool.get(k) is not None}
        tools.append({"type": "function", "function": function})
    return {"tools": tools} if tools else {}


def _tool_choice(value: object) -> Json:
    if isinstance(value, str) and value in _MODES:
        return {"tool_choice": value}
    if isinstance(value, dict) and value.get("type") == "function":
        name = text_of(value, "name", "tool_choice")
        return {"tool_choice": {"type": "function", "function": {"name": name}}}
    raise InvalidRequest(
        "`tool_choice` must be auto, none, required or a function by `name`.", param="tool_choice"
    )


def _text(value: object) -> Json:
    text = _object(value, "text")
    chat: Json = {"verbosity": text["verbosity"]} if text.get("verbosity") else {}
    form = text.get("format")
    if form is None:
        return chat
    kind = _object(form, "text.format").get("type")
    if kind == "json_schema":
        schema = {k: v for k, v in form.items() if k != "type" and v is not None}
        return {**chat, "response_format": {"type": "json_schema", "json_schema": schema}}
    if kind == "json_object":
        return {**chat, "response_format": {"type": "json_object"}}
    if kind == "text":
        return chat
    raise InvalidRequest(
        f"`text.format.type` is {str(kind)[:40]!r}; use text, json_object or json_schema.",
        param="text.format.type",
    )


def _reasoning(value: object) -> Json:
    effort = _object(value, "reasoning").get("effort")
    return {} if effort is None else {"reasoning_effort": effort}


def _include(value: object) -> Json:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in _INCLUDED:
            raise InvalidRequest(f"`include` of {str(name)[:60]!r} is not supported here.", param="include")
    return {"logprobs": True} if "message.output_text.logprobs" in names else {}


def _truncation(value: object) -> Json:
    if value != "disabled":
        raise InvalidRequest(
            "`truncation` is not supported here: a target whose context is too small is skipped instead.",
            param="truncation",
        )
    return {}


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise InvalidRequest(f"`{where}` must be an object.", param=where)
    return value


def _nothing(_: object) -> Json:
    return {}


_FIELDS: dict[str, Callable[[object], Json]] = {
    "max_output_tokens": _max_output_tokens,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "text": _text,
    "reasoning": _reasoning,
    "include": _include,
    "truncation": _truncation,
    "top_logprobs": lambda value: {"logprobs": True, "top_logprobs": value} if value else {},
    "max_tool_calls": _nothing,  # bounds built-in tools alone
    **dict.fromkeys(_CLOSED, _nothing),  # given and empty
}
