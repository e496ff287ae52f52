"""Chat requests as they arrive: what routing needs is typed, everything else stays raw.

A request is decoded twice, for about 3 µs each kilobyte: once into `ChatRequest`, which names only the fields that
the gateway looks at, and once into top-level fields of raw JSON, which go to the target byte for byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import InvalidRequest
from gateway.types import Call
from routers.signals import RequestText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.types import CacheDirective, Caller

# A default and not `| None`: msgspec reads `Raw | None` as null and nothing else.
_NULL = msgspec.Raw(b"null")


class Part(msgspec.Struct):
    """One part of a message's content; only text is read here."""

    type: str = "text"
    text: str | None = None


class Message(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ResponseFormat(msgspec.Struct):
    type: str = "text"


class ChatRequest(msgspec.Struct):
    """The fields of `POST /v1/chat/completions` that the gateway looks at."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = _NULL
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    metadata: dict[str, str] | None = None


_request = msgspec.json.Decoder(ChatRequest)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any], float_hook=lambda digits: msgspec.Raw(digits))
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_MODALITIES = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "file": "file",
    "video_url": "video",
}


def decode_chat(body: bytes) -> tuple[ChatRequest, dict[str, msgspec.Raw]]:
    """Decode and check a chat request; `InvalidRequest` says which field to change and how."""
    try:
        body.decode()  # fields that are only carried are not checked by the decoders
        request = _request.decode(body)
        fields = _fields.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.") from None
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply; flatten it.") from None
    _check(request)
    return request, fields


def decode_object(body: bytes) -> dict[str, Any]:
    """The body as an open object, numbers as they were written; raises `InvalidRequest`."""
    try:
        body.decode()
        return _object.decode(body)
    except msgspec.ValidationError:
        raise InvalidRequest("The request body must be a JSON object.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.") from None
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply; flatten it.") from None


def build_call(
    body: bytes,
    *,
    request_id: str,
    caller: Caller,
    headers: Mapping[str, str],
    cache: CacheDirective,
    received_ns: int,
) -> Call:
    """Turn a request body into the `Call` that the pipeline handles."""
    request, fields = decode_chat(body)
    options = request.stream_options
    return Call(
        request_id=request_id,
        caller=caller,
        model=request.model,
        fields=fields,
        text=request_text(request.messages),
        stream=bool(request.stream),
        include_usage=bool(options and options.include_usage),
        tools=bool(request.tools or request.functions),
        forced_tool=_forces_tool(request),
        json_schema=request.response_format is not None and request.response_format.type != "text",
        modalities=_modalities(request.messages),
        max_output_tokens=request.max_completion_tokens or request.max_tokens,
        sampled=_is_sampled(request),
        metadata=request.metadata or {},
        headers=headers,
        cache=cache,
        received_ns=received_ns,
    )


def request_text(messages: list[Message]) -> RequestText:
    """The text that routing reads: every system or developer message, and what the user said."""
    system: list[str] = []
    user: list[str] = []
    replies = 0
    for message in messages:
        text = _text(message)
        if message.role == "user":
            user.append(text)
        elif message.role in ("system", "developer"):
            system.append(text)
        else:
            replies += len(text)
    return RequestText(
        user=user[-1] if user else "",
        system="\n".join(system),
        turns=len(user),
        earlier="\n".join(user[:-1]),
        replies=replies,
    )


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content or () if part.text)


def _modalities(messages: list[Message]) -> frozenset[str]:
    found = {"text"}
    for message in messages:
        if isinstance(message.content, list):
            found.update(_MODALITIES[part.type] for part in message.content if part.type in _MODALITIES)
    return frozenset(found)


def _forces_tool(request: ChatRequest) -> bool:
    return bytes(request.tool_choice) not in (b"null", b'"auto"', b'"none"')


def _is_sampled(request: ChatRequest) -> bool:
    return bool(request.temperature) and request.seed is None


def _check(request: ChatRequest) -> None:
    if not request.model:
        raise InvalidRequest('`model` is empty; send "auto" to let the policy choose.', param="model")
    if not request.messages:
        raise InvalidRequest(
            '`messages` is empty; send at least one, for example {"role": "user", "content": "Hello"}.',
            param="messages",
        )
    for index, message in enumerate(request.messages):
        if message.role not in _ROLES:
            raise InvalidRequest(
                f"`messages[{index}].role` is {message.role[:40]!r}; use one of {', '.join(sorted(_ROLES))}.",
                param=f"messages[{index}].role",
            )
    for name in ("max_tokens", "max_completion_tokens"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise InvalidRequest(f"`{name}` is {value}; it must be at least 1.", param=name)


def _wrong_type(message: str) -> InvalidRequest:
    """Msgspec's `Expected X, got Y - at $.path` in the words and the `param` of OpenAI's envelope."""
    found = _PATH.search(message)
    path = found.group(1).removeprefix(".") if found else None
    reason = _PATH.sub("", message)
    if path:
        return InvalidRequest(f"`{path}` has the wrong type: {reason}.", param=path)
    missing = re.search(r"missing required field `(\w+)`", reason)
    if missing:
        name = missing.group(1)
        return InvalidRequest(f"`{name}` is missing; add it to the request body.", param=name)
    return InvalidRequest(f"The request body has the wrong shape: {reason}.")
