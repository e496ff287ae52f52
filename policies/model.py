"""The policy language as closed, frozen pydantic models; what is not here is an unknown key."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from policies.decision import TargetKind  # noqa: TC001 (pydantic reads it when it builds the models)

AUTO = "auto"
"""The model name that asks the policy to choose."""

Capability = Literal["tools", "json_schema", "vision", "audio"]
OnMissing = Literal["fail", "degrade"]


def _as_tuple(value: object) -> object:
    """Let a single value stand for a list of one, and turn YAML's lists into tuples."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str) else value


def _one_or_many(item: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


_ListOnly = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)

Text = Annotated[str, Field(min_length=1, max_length=256)]
Probability = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86400, strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Names = Annotated[tuple[Text, ...], Field(min_length=1), _ListOnly]
OneOf = Annotated[
    tuple[Text, ...], Field(min_length=1), BeforeValidator(_as_tuple), _one_or_many({"type": "string"})
]
"""A value or a list of values."""
Globs = OneOf
"""A glob or a list of globs: `*` is any run of characters, `?` any one, `[ab]` one of a set."""


class Closed(BaseModel):
    """A mapping of the language: immutable, and every key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(Closed):
    """List price that overrides the built-in table."""

    input_usd_per_mtok: NotNegative
    output_usd_per_mtok: NotNegative


class Target(Closed):
    """Something that can answer: a task model, a local language model or an LLM behind a URL."""

    kind: TargetKind
    model: Text
    ability: Text | None = None
    """Ability vector of the classifier that stands for this target's strength until it has its own."""
    timeout_s: Seconds = 60.0
    retries: Annotated[int, Field(ge=0, le=10, strict=True)] = 1
    max_cost_usd: NotNegative | None = None
    context_tokens: Annotated[int, Field(gt=0, strict=True)] | None = None
    supports: Annotated[tuple[Capability, ...], _ListOnly] | None = None
    """What the target can do beyond text; unset means everything for an upstream and nothing for the rest."""
    price: Price | None = None


class Range(Closed):
    """An interval on a number; every bound that is given must hold."""

    at_least: Number | None = None
    above: Number | None = None
    at_most: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is self.above is self.at_most is self.below is None:
            raise ValueError("give at least one of `at_least`, `above`, `at_most`, `below`")
        return self


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class TimeWindow(Closed):
    """Hours of the day in UTC, from included, to excluded; a window may pass midnight."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same, so the window is empty")
        return self


class When(Closed):
    """Conditions on a request. All that are given must hold; none given always holds."""

    task: OneOf | None = None
    task_confidence: Range | None = None
    domain: OneOf | None = None
    domain_confidence: Range | None = None
    language: OneOf | None = None
    difficulty: Range | None = None
    success: dict[Text, Range] | None = None
    pii: Range | None = None
    injection: Range | None = None
    tokens: Range | None = None
    max_output_tokens: Range | None = None
    modalities: OneOf | None = None
    stream: Flag | None = None
    tools: Flag | None = None
    json_schema: Flag | None = None
    model: Globs | None = None
    key: Globs | None = None
    tenant: Globs | None = None
    metadata: dict[Text, Globs] | None = None
    header: dict[Text, Globs] | None = None
    time: TimeWindow | None = None
    all_: Annotated[tuple[When, ...], Field(min_length=1), _ListOnly] | None = Field(None, alias="all")
    any_: Annotated[tuple[When, ...], Field(min_length=1), _ListOnly] | None = Field(None, alias="any")
    not_: When | None = Field(None, alias="not")


class Accept(Closed):
    """When an answer of a local model is released: below this confidence the next step is tried."""

    confidence: Probability


class CacheSpec(Closed):
    """Whether and for how long the answer may be kept; `sampled` allows answers drawn at temperature > 0."""

    exact: Flag = True
    ttl_s: Seconds = 3600.0
    sampled: Flag = False


class PlanSpec(Closed):
    """What to do with a request: ordered `steps`, or a `choose` among candidates."""

    steps: Names | None = None
    choose: Literal["cheapest", "best"] | None = None
    success: Probability | None = None
    among: Names | None = None
    accept: Accept | None = None
    forbid: Annotated[tuple[Text, ...], _ListOnly] = ()
    """Kinds or names of targets that must not see the request, whatever else this policy says."""
    cache: CacheSpec = CacheSpec()
    timeout_s: Seconds | None = None
    retries: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    on_missing_upstream: OnMissing | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.steps is None) == (self.choose is None):
            raise ValueError("give either `steps` or `choose`")
        if self.choose is None and (self.success is not None or self.among is not None):
            raise ValueError("`success` and `among` belong to `choose`, not to `steps`")
        if self.choose is not None and self.among is None:
            raise ValueError("`choose` needs `among`, the targets to choose from")
        if (self.choose == "cheapest") != (self.success is not None):
            raise ValueError("`choose: cheapest` needs `success`, and `choose: best` takes none")
        return self


class Rule(Closed):
    """If `when` holds, `then` is the plan; the first rule that holds wins."""

    id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
    when: When = When()
    then: PlanSpec


class Expect(Closed):
    """What a case demands of the decision."""

    rule: Text | None = None
    target: Text | None = None
    """The first step of the plan."""
    forbidden_target: Text | None = None
    """A target that must not be in the plan at all."""

    @model_validator(mode="after")
    def _demands_something(self) -> Self:
        if self.rule is self.target is self.forbidden_target is None:
            raise ValueError("give at least one of `rule`, `target`, `forbidden_target`")
        return self


class Message(Closed):
    """One turn of a chat, text only."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


class Case(Closed):
    """An example request and where it must go."""

    prompt: str | None = None
    messages: Annotated[tuple[Message, ...], Field(min_length=1), _ListOnly] | None = None
    model: Text = AUTO
    tools: Flag = False
    tenant: Text | None = None
    metadata: dict[Text, str] = {}
    headers: dict[Text, str] = {}
    expect: Expect

    @model_validator(mode="after")
    def _one_request(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either `prompt` or `messages`")
        return self


class Policy(Closed):
    """One policy file."""

    version: Literal[1]
    baseline: Text | None = None
    """The target that would have answered everything without routing; savings are counted against it."""
    on_missing_upstream: OnMissing = "fail"
    aliases: dict[Text, Text] = {}
    """Glob on the model a client asks for -> `auto` or a target."""
    targets: Annotated[dict[Text, Target], Field(min_length=1)]
    rules: Annotated[tuple[Rule, ...], _ListOnly] = ()
    default: PlanSpec
    tests: Annotated[tuple[Case, ...], _ListOnly] = ()
