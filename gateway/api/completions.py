"""`POST /v1/completions`: the legacy API. The prompt becomes a user message, the answer a text.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api import errors
from gateway.api.chat import call_of
from gateway.api.chunks import read_chunks, read_whole
from gateway.api.wire import decode_object
from gateway.errors import InvalidRequest
from gateway.execute.events import DONE, frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.api.chunks import Choice
    from gateway.api.dialect import Rendering
    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.types import Call, Completion, Delta, Outcome, Usage

Json = dict[str, Any]
_END = frame(DONE)
_MAX_LOGPROBS = 5
_OWN = frozenset({"prompt", "echo", "logprobs", "best_of", "suffix"})
_FINISH = {"tool_calls": "stop", "function_call": "stop"}


class Completions:
    """OpenAI's text completions."""

    id_header = None

    async def read(self, body: bytes, arrival: Arrival) -> tuple[Call, Rendering]:
        asked = decode_object(body)
        prompt = _prompt(asked.get("prompt"))
        _refuse_others(asked)
        chat: Json = {name: value for name, value in asked.items() if name not in _OWN and value is not None}
        chat["messages"] = [{"role": "user", "content": prompt}]
        if (count := _logprobs(asked.get("logprobs"))) is not None:
            chat |= {"logprobs": True, "top_logprobs": count}
        call = call_of(msgspec.json.encode(chat), arrival)
        return call, TextRendering(prompt if asked.get("echo") else "", include_usage=call.include_usage)

    def envelope(self, error: GatewayError, request_id: str) -> bytes:
        return errors.envelope(error)


def _prompt(prompt: object) -> str:
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt and all(isinstance(item, str) for item in prompt):
        raise InvalidRequest(
            f"`prompt` has {len(prompt)} prompts; each is routed by itself, so send each in a request of its own.",
            param="prompt",
        )
    if prompt is None:
        raise InvalidRequest("`prompt` is missing; add it to the request body.", param="prompt")
    raise InvalidRequest(
        "`prompt` must be a string, or a list of one: token ids mean another text to every model.",
        param="prompt",
    )


def _refuse_others(asked: Json) -> None:
    for name in ("messages", "tools", "functions"):
        if asked.get(name):
            raise InvalidRequest(
                f"`{name}` belongs to `/v1/chat/completions`; a text completion has a `prompt`.", param=name
            )
    if asked.get("suffix"):
        raise InvalidRequest(
            "`suffix` is not supported here: chat models do not fill gaps. Leave it out.", param="suffix"
        )
    best_of, n = asked.get("best_of"), asked.get("n") or 1
    if best_of is not None and best_of != n:
        raise InvalidRequest(
            "`best_of` is not supported here beyond `n`; ask for `n` and choose yourself.", param="best_of"
        )
    if asked.get("echo") and asked.get("logprobs") is not None:
        raise InvalidRequest(
            "`echo` with `logprobs` is not supported here: chat models do not score the prompt.", param="echo"
        )


def _logprobs(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_LOGPROBS:
        raise InvalidRequest(
            f"`logprobs` must be a whole number from 0 to {_MAX_LOGPROBS}.", param="logprobs"
        )
    return value


class TextRendering:
    """One answer as `text_completion` objects; keeps how much text each choice has, for the offsets."""

    def __init__(self, echo: str, *, include_usage: bool) -> None:
        """`echo` is put before every choice."""
        self._echo = echo
        self._include_usage = include_usage
        self._written: dict[int, int] = {}
        self._head: Json = {}

    async def whole(self, completion: Completion, outcome: Outcome) -> bytes:
        body = read_whole(completion.body)
        choices = [self._choice(choice, choice.finish_reason or "stop") for choice in body.choices]
        head = _head(outcome, body.created, body.model)
        return msgspec.json.encode({**head, "choices": choices, "usage": _usage(outcome.usage)})

    def events(self, batch: Sequence[Delta], outcome: Outcome) -> bytes:
        out = []
        for chunk in read_chunks(batch):
            self._head = self._head or _head(outcome, chunk.created, chunk.model)
            for choice in chunk.choices:
                shown = self._choice(choice, choice.finish_reason)
                if shown["text"] or choice.finish_reason or shown["logprobs"]:
                    usage = {"usage": None} if self._include_usage else {}
                    out.append(frame(msgspec.json.encode({**self._head, "choices": [shown], **usage})))
        return b"".join(out)

    async def end(self, outcome: Outcome) -> bytes:
        if not self._include_usage:
            return _END
        last = {**self._head, "choices": [], "usage": _usage(outcome.usage)}
        return frame(msgspec.json.encode(last)) + _END

    def broken(self, error: GatewayError) -> bytes:
        return frame(errors.envelope(error))

    def _choice(self, choice: Choice, finish: str | None) -> Json:
        begun = choice.index in self._written
        text = choice.piece.text or choice.piece.refusal or ""
        if not begun:
            text = self._echo + text
        offset = self._written.get(choice.index, 0)
        self._written[choice.index] = offset + len(text)
        return {
            "text": text,
            "index": choice.index,
            "logprobs": _legacy_logprobs(choice.logprobs, offset),
            "finish_reason": _FINISH.get(finish or "", finish),
        }


def _head(outcome: Outcome, created: int, model: str) -> Json:
    name = f"cmpl-{outcome.call.request_id.removeprefix('req_')}"
    made = created or outcome.call.received_ns // 1_000_000_000
    return {"id": name, "object": "text_completion", "created": made, "model": model or outcome.model}


def _legacy_logprobs(logprobs: Json | None, offset: int) -> Json | None:
    """Log-probabilities of a chat as the older API lists them; offsets count characters of the text."""
    content = (logprobs or {}).get("content")
    if not content:
        return None
    offsets = []
    for token in content:
        offsets.append(offset)
        offset += len(token["token"])
    return {
        "tokens": [token["token"] for token in content],
        "token_logprobs": [token["logprob"] for token in content],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in token.get("top_logprobs") or ()} for token in content
        ],
        "text_offset": offsets,
    }


def _usage(usage: Usage | None) -> Json:
    prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
