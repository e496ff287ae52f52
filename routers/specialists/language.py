"""Language models that run in this process: what they are asked, what they answer, and how they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from routers.specialists.base import Declined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DEFAULT_MAX_TOKENS = 512
"""Length of an answer when the caller sets no limit; small models rarely stop by themselves when they ramble."""
DEFAULT_TEMPERATURE = 0.0
DEFAULT_TOP_P = 1.0
DEFAULT_SYSTEM = "Answer the question briefly."
"""Used when a conversation has no system turn. With SmolLM2's own default turn and sampling at 0.2, 8 of 16
everyday questions were answered right; greedily 10; greedily with this turn 14 ("What is the capital of France?"
drew French babble before). The caller's own system turn and temperature always win."""


class InvalidGeneration(ValueError):
    """The request asks for something no model can do; `param` names the field at fault."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class PromptTooLong(ValueError):
    """The prompt does not fit into the model's context."""


class GenerationFailed(RuntimeError):
    """The runtime broke off; nothing in the request explains it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as a chat template takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer to produce. All limits are set: nothing is left to a runtime's own defaults."""

    turns: tuple[Turn, ...]
    max_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    response_format: Mapping[str, Any] | None = None
    """OpenAI's `json_object` or `json_schema` object; None for plain text."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written for one answer."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer as it is produced: text, or how it ended, or what it used."""

    text: str = ""
    finish_reason: Literal["stop", "length"] | None = None
    usage: Usage | None = None
    index: int = 0
    """Which of the choices this belongs to."""


class LanguageModel(Protocol):
    """A loaded model that continues a conversation."""

    @property
    def slots(self) -> int:
        """How many answers it produces at the same time."""
        ...

    @property
    def structured(self) -> bool:
        """Whether it can be held to a JSON schema."""
        ...

    def complete(self, generation: Generation, emit: Callable[[Piece], bool]) -> None:
        """Produce one answer, calling `emit` for each piece, the last with usage. Blocking.

        `emit` must not raise; when it returns True the model stops as soon as it can. May run in `slots`
        threads at once. Raises InvalidGeneration, PromptTooLong or GenerationFailed.
        """
        ...


class _Part(BaseModel):
    type: str
    text: str = ""


class _Message(BaseModel):
    role: str
    content: str | list[_Part] | None = None


class _Body(BaseModel):
    """The fields of a chat request that change what a language model does."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[_Message], Field(min_length=1)]
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    response_format: dict[str, Any] | None = None
    n: int | None = Field(None, ge=1)
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    logprobs: bool | None = None
    logit_bias: dict[str, float] | None = None


_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def read_generation(body: Mapping[str, Any], *, structured: bool) -> Generation | Declined:
    """Turn a chat request into a `Generation`, or say why a local language model will not answer it.

    `structured` says whether the model can be held to a JSON schema. Raises InvalidGeneration for wrong values.
    """
    try:
        ask = _Body.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidGeneration(f"`{where}`: {first['msg']}.", param=where) from None
    wants_json = ask.response_format is not None and ask.response_format.get("type") != "text"
    reason = _beyond_us(ask) or (
        "the model cannot be held to a JSON schema" if wants_json and not structured else None
    )
    if reason:
        return Declined(reason)
    stop = (ask.stop,) if isinstance(ask.stop, str) else tuple(ask.stop or ())
    return Generation(
        turns=_turns(ask.messages),
        max_tokens=ask.max_completion_tokens or ask.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=DEFAULT_TEMPERATURE if ask.temperature is None else ask.temperature,
        top_p=DEFAULT_TOP_P if ask.top_p is None else ask.top_p,
        stop=tuple(text for text in stop if text),
        seed=ask.seed,
        frequency_penalty=ask.frequency_penalty or 0.0,
        presence_penalty=ask.presence_penalty or 0.0,
        response_format=ask.response_format if wants_json else None,
    )


def _beyond_us(ask: _Body) -> str | None:
    """The first reason why no small language model here should answer, or None."""
    if (ask.tools or ask.functions) and ask.tool_choice != "none":
        return "the request offers tools"
    if (ask.n or 1) > 1:
        return "the request asks for more than one choice"
    if ask.logprobs:
        return "the request asks for log-probabilities"
    if ask.logit_bias:
        return "the request biases logits"
    for message in ask.messages:
        if message.role not in _ROLES:
            return f"the conversation has a message of role `{message.role}`"
        if isinstance(message.content, list) and any(part.type != "text" for part in message.content):
            return "the request holds parts that are not text"
    return None


def _turns(messages: list[_Message]) -> tuple[Turn, ...]:
    turns = tuple(Turn(_ROLES[message.role], _text(message)) for message in messages)
    if any(turn.role == "system" for turn in turns):
        return turns
    return (Turn("system", DEFAULT_SYSTEM), *turns)


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "\n".join(part.text for part in message.content)
    return message.content or ""


def load_language_model(
    path: Path, *, threads: int = 1, slots: int = 4, context: int = 2048
) -> LanguageModel:
    """Load a GGUF file (llama.cpp) or a Hugging Face folder (transformers). Blocking.

    `context` is the longest prompt plus answer in tokens, for each of `slots` answers at once.
    Raises FileNotFoundError when the path holds neither, and whatever the runtime raises on bad weights.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing")
    gguf = path if path.suffix == ".gguf" else next(iter(sorted(path.glob("*.gguf"))), None)
    if gguf is not None and gguf.is_file():
        from routers.specialists.llama_cpp import LlamaCppModel

        return LlamaCppModel(gguf, threads=threads, slots=slots, context=context)
    if (path / "config.json").is_file():
        from routers.specialists.causal import TransformersModel

        return TransformersModel(path, threads=threads, context=context)
    raise FileNotFoundError(f"{path} holds neither a .gguf file nor a Hugging Face config.json")
