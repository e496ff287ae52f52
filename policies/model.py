"""The policy language as closed, frozen pydantic models; what is not here is an unknown key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from policies.decision import TargetKind
from policies.model_experiment import Experiment, ExperimentKind, Sticky, StopIf
from policies.model_plan import Accept, CacheSpec, HedgeSpec, OnMissing, PlanSpec, ShadowSpec, StageSpec
from policies.model_when import Range, TimeWindow, When
from policies.scalars import (
    Closed,
    Flag,
    Id,
    ListOnly,
    Match,
    NotNegative,
    OneOf,
    Pattern,
    Positive,
    Retries,
    Seconds,
    Text,
    VariableName,
)

__all__ = [
    "AUTO", "Accept", "CacheSpec", "Capability", "Case", "Closed", "Expect", "Experiment", "ExperimentKind",
    "HedgeSpec", "Limits", "Match", "Message", "OnMissing", "Pattern", "PlanSpec", "Policy", "Price", "Range", "Rule",
    "ShadowSpec", "StageSpec", "Sticky", "StopIf", "Target", "TimeWindow", "Value", "When",
]  # fmt: skip

AUTO = "auto"
"""The model name that asks the policy to choose."""

Capability = Literal["tools", "json_schema", "vision", "audio"]


class Price(Closed):
    """List price that overrides the built-in table."""

    input_usd_per_mtok: NotNegative
    """USD for a million tokens of prompt."""
    output_usd_per_mtok: NotNegative
    """USD for a million tokens of answer."""


class Target(Closed):
    """Something that can answer: a task model, a local language model or an LLM behind a URL."""

    kind: TargetKind
    """`specialist`: a task model of the worker. `local`: a language model of the worker. `upstream`: an LLM
    behind a URL."""
    model: Text
    """Name of the worker's model, or `provider/model` of an upstream."""
    ability: Text | None = None
    """Ability vector of the classifier that stands for this target's strength until it has its own."""
    timeout_s: Seconds = 60.0
    """For a whole answer; of a stream, for each piece."""
    first_token_s: Seconds | None = None
    """For the first piece of a stream; unset, `timeout_s`."""
    retries: Retries = 1
    """How often it is asked again after a failure that may pass."""
    max_cost_usd: NotNegative | None = None
    """A request that is expected to cost more is not sent here."""
    context_tokens: Annotated[int, Field(gt=0, strict=True)] | None = None
    """Room for prompt and answer together; a request that needs more is not sent here."""
    supports: Annotated[tuple[Capability, ...], ListOnly] | None = None
    """What the target can do beyond text; unset means everything for an upstream and nothing for the rest."""
    price: Price | None = None
    """What it charges, where the built-in table is wrong or silent."""


class Rule(Closed):
    """If `when` holds, `then` is the plan; the first rule that holds wins."""

    id: Id
    """Names the rule in records, spans and response headers."""
    when: When = When()
    """What the request must be like; without it the rule always holds."""
    then: PlanSpec
    """What to do."""


class Limits(Closed):
    """What all requests together may spend. Met by a price: `choose: best` of any plan weighs success against it."""

    usd_per_day: Positive | None = None
    """Most USD in a day, UTC, over all gateways."""
    latency_p95_ms: Positive | None = None
    """95 of 100 requests have their first piece within this."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.usd_per_day is self.latency_p95_ms is None:
            raise ValueError("give at least one of `usd_per_day`, `latency_p95_ms`")
        return self


class Expect(Closed):
    """What a case demands of the decision."""

    rule: Text | None = None
    """The rule that decides, or `default`."""
    target: Text | None = None
    """The target that is tried first."""
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
    """Who speaks."""
    content: str
    """What is said."""


class Case(Closed):
    """An example request and where it must go."""

    prompt: str | None = None
    """The only user turn."""
    messages: Annotated[tuple[Message, ...], Field(min_length=1), ListOnly] | None = None
    """Every turn, when one is not enough."""
    model: Text = AUTO
    """The model that the client asks for."""
    tools: Flag = False
    """The request offers tools."""
    tenant: Text | None = None
    """Whose key it is."""
    metadata: dict[Text, str] = Field(default_factory=dict)
    """The request's `metadata`."""
    headers: dict[Text, str] = Field(default_factory=dict)
    """The request's headers."""
    expect: Expect
    """What must be decided."""

    @model_validator(mode="after")
    def _one_request(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either `prompt` or `messages`")
        return self


def _as_value(value: object) -> object:
    if isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError("a variable is a number, `true`, `false` or text")


Value = Annotated[
    bool | int | float | str,
    BeforeValidator(_as_value),
    WithJsonSchema({"type": ["number", "boolean", "string"]}),
]


class Policy(Closed):
    """One policy file."""

    version: Literal[1]
    """Version of the language."""
    include: OneOf | None = None
    """Files whose `variables`, `aliases`, `targets`, `rules`, `experiments` and `tests` belong to this policy. Paths
    are relative to the file that names them and stay inside the folder of the policy. What is included comes first."""
    variables: dict[VariableName, Value] = Field(default_factory=dict)
    """Values with a name: `$name` stands for one wherever a value may stand, except in `tests`."""
    baseline: Text | None = None
    """The target that would have answered everything without routing; savings are counted against it."""
    on_missing_upstream: OnMissing = "fail"
    """When only an upstream could answer and none is configured: `fail` says which variable to set, `degrade` lets
    the best local model answer and says so in a response header."""
    limits: Limits | None = None
    """What all requests together may spend."""
    aliases: dict[Text, Text] = Field(default_factory=dict)
    """Glob on the model a client asks for -> `auto` or a target."""
    targets: Annotated[dict[Text, Target], Field(min_length=1)]
    """What can answer, by the name that rules, records and response headers use."""
    rules: Annotated[tuple[Rule, ...], ListOnly] = ()
    """Tried from top to bottom; the first whose `when` holds decides."""
    default: PlanSpec
    """What happens to a request that no rule takes."""
    experiments: Annotated[tuple[Experiment, ...], ListOnly] = ()
    """Shares of requests that are routed otherwise, to learn from them."""
    tests: Annotated[tuple[Case, ...], ListOnly] = ()
    """What must stay true when the policy is edited."""
