"""A request of the Messages API as one of chat completions: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.api.anthropic.blocks import chat_messages, entry, listed, system_text
from gateway.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
_CLOSED = {
    "container": "containers run at Anthropic alone",
    "context_management": "send the context that the model shall see",
    "mcp_servers": "call the servers yourself and offer their tools in `tools`",
    "n": "one message is one answer",
}
_TOOL_FIELDS = frozenset(
    {"type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"}
)
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}
# Thinking tokens up to which an effort is enough, as a share of what the models named in it use.
_BUDGETS = ((4096, "low"), (16384, "medium"))


def chat_request(asked: Json, *, counting: bool = False) -> Json:
    """The chat request that asks the same. Fields that neither API knows go on as they are.

    `counting` takes a request without `max_tokens`. Raises `InvalidRequest` for what cannot be said in a chat.
    """
    _check(asked, counting=counting)
    system = asked.get("system")
    messages = list(chat_messages(asked["messages"]))
    if system:
        messages.insert(0, {"role": "system", "content": system_text(system)})
    chat: Json = {"model": asked["model"], "messages": messages}
    for name, value in asked.items():
        if name in ("model", "messages", "system") or value is None:
            continue
        translate = _FIELDS.get(name)
        chat.update({name: value} if translate is None else translate(value))
    return chat


def _check(asked: Json, *, counting: bool) -> None:
    for name in ("model", "messages", *(() if counting else ("max_tokens",))):
        if asked.get(name) is None:
            raise InvalidRequest(f"`{name}` is missing; add it to the request body.", param=name)
    for name, why in _CLOSED.items():
        if asked.get(name):
            raise InvalidRequest(f"`{name}` is not supported here: {why}.", param=name)
    messages = listed(asked["messages"], "messages")
    if not messages:
        raise InvalidRequest("`messages` is empty; send at least one.", param="messages")
    if messages[-1].get("role") == "assistant":
        raise InvalidRequest(
            "The last message is the assistant's. Other providers' models do not continue an answer that was begun "
            "for them; end with a user message.",
            param=f"messages[{len(messages) - 1}].role",
        )


def _max_tokens(value: object) -> Json:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest("`max_tokens` must be a whole number of at least 1.", param="max_tokens")
    return {"max_completion_tokens": value}


def _tools(value: object) -> Json:
    tools = []
    for index, tool in enumerate(listed(value, "tools")):
        where = f"tools[{index}]"
        kind = tool.get("type") or "custom"
        if kind != "custom":
            raise InvalidRequest(
                f"`{where}.type` is {str(kind)[:60]!r}, a tool that Anthropic runs or defines; only tools of your "
                "own with an `input_schema` are supported here.",
                param=f"{where}.type",
            )
        if unknown := sorted(tool.keys() - _TOOL_FIELDS):
            raise InvalidRequest(f"`{where}.{unknown[0]}` is not supported here.", param=where)
        function: Json = {"name": entry(tool, "name", where), "parameters": tool.get("input_schema") or {}}
        function |= {k: tool[k] for k in ("description", "strict") if tool.get(k) is not None}
        tools.append({"type": "function", "function": function})
    return {"tools": tools} if tools else {}


def _tool_choice(value: object) -> Json:
    choice = _object(value, "tool_choice")
    kind = entry(choice, "type", "tool_choice")
    if kind == "tool":
        name = entry(choice, "name", "tool_choice")
        chat: Json = {"tool_choice": {"type": "function", "function": {"name": name}}}
    elif kind in _CHOICES:
        chat = {"tool_choice": _CHOICES[kind]}
    else:
        raise InvalidRequest(
            f"`tool_choice.type` is {kind[:40]!r}; use auto, any, tool or none.", param="tool_choice.type"
        )
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    return chat


def _thinking(value: object) -> Json:
    thinking = _object(value, "thinking")
    kind = entry(thinking, "type", "thinking")
    if kind in ("disabled", "adaptive", "between_tools"):  # a model's own choice is a chat's default
        return {}
    budget = thinking.get("budget_tokens")
    if kind != "enabled" or not isinstance(budget, int):
        raise InvalidRequest(
            "`thinking` must be disabled, adaptive, between_tools, or enabled with `budget_tokens`.",
            param="thinking",
        )
    return {"reasoning_effort": next((effort for limit, effort in _BUDGETS if budget <= limit), "high")}


def _output_config(value: object) -> Json:
    config = _object(value, "output_config")
    chat: Json = {}
    if (effort := config.get("effort")) is not None:
        if effort not in _EFFORTS:
            raise InvalidRequest(
                f"`output_config.effort` is {str(effort)[:40]!r}; use {', '.join(_EFFORTS)}.",
                param="output_config.effort",
            )
        chat["reasoning_effort"] = _EFFORTS[effort]
    if config.get("format") is not None:
        chat |= _output_format(config["format"])
    if unknown := sorted(config.keys() - {"effort", "format"}):
        raise InvalidRequest(f"`output_config.{unknown[0]}` is not supported here.", param="output_config")
    return chat


def _output_format(value: object) -> Json:
    asked = _object(value, "output_format")
    if asked.get("type") != "json_schema" or not isinstance(asked.get("schema"), dict):
        raise InvalidRequest(
            "The output format must be of type json_schema with a `schema`.", param="output_format"
        )
    schema = {"name": "answer", "strict": True, "schema": asked["schema"]}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _metadata(value: object) -> Json:
    """The end user's id has a field of its own in chats."""
    metadata = dict(_object(value, "metadata"))
    user = metadata.pop("user_id", None)
    return {**({"user": user} if user is not None else {}), **({"metadata": metadata} if metadata else {})}


def _service_tier(value: object) -> Json:
    return {"service_tier": "default" if value == "standard_only" else value}


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise InvalidRequest(f"`{where}` must be an object.", param=where)
    return value


_FIELDS: dict[str, Callable[[object], Json]] = {
    "max_tokens": _max_tokens,
    "stop_sequences": lambda value: {"stop": value} if value else {},
    "tools": _tools,
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": _output_format,
    "metadata": _metadata,
    "service_tier": _service_tier,
    "cache_control": lambda _: {},
    **{name: lambda _: {} for name in _CLOSED},  # given and empty
}
