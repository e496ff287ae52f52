"""The part of the language that says what to do with a request: `then` of a rule, and `default`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.scalars import (
    Closed,
    Flag,
    ListOnly,
    Names,
    NotNegative,
    Probability,
    Retries,
    Seconds,
    Share,
    Text,
)

OnMissing = Literal["fail", "degrade"]
REQUEST, ANSWER = "{request}", "{answer}"
"""What `instruction` of a chain may refer to."""


class Accept(Closed):
    """When an answer of a local model is released; of one that is not, the next step is tried.

    Either a confidence, or a risk, for which the confidence is worked out from answers that were graded.
    """

    confidence: Probability | None = None
    """Least calibrated probability that the answer is right, as the model reports it."""
    risk: Share | None = None
    """Largest share of the requests that come to a local step which it may answer wrongly. The confidence that keeps
    to it comes from the graded answers of the target: a specialist brings those it was calibrated on,
    `pointsman targets confidences` takes your own. Where they are too few to show it, the step is passed over."""
    confidence_level: Share = 0.95
    """Of `risk`: how sure the bound is, over the draw of the graded answers."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.confidence is None) == (self.risk is None):
            raise ValueError("give either `confidence` or `risk`")
        if self.risk is None and "confidence_level" in self.model_fields_set:
            raise ValueError("`confidence_level` belongs to `risk`")
        return self


class CacheSpec(Closed):
    """Whether and for how long the answer may be kept."""

    exact: Flag = True
    """An equal request of the same tenant may be answered from the cache."""
    ttl_s: Seconds = 3600.0
    """How long."""
    sampled: Flag = False
    """Keep answers drawn at a temperature above 0 too, of which the client may expect a new one each time."""


class HedgeSpec(Closed):
    """Starts the next step as well if the first one is slow; the first to answer wins and the other is cancelled."""

    after_s: Seconds | None = None
    """How long the first step may take to its first piece; unset, its 95th percentile of late."""
    spend_share: Probability = 0.05
    """Money that hedging may add, as a share of what this plan's requests cost without it."""


class StickySpec(Closed):
    """Keeps to the target that answered before: changing models half-way loses a provider's prompt cache."""

    by: Literal["session", "key", "tenant"] = "session"
    """What stays with its target. A request that has none is routed as without `sticky`."""
    for_s: Seconds = 3600.0
    """How long after the last answer."""


class StageSpec(Closed):
    """One stage of a chain: what to ask of which target."""

    target: Text
    """A target of this policy."""
    instruction: Annotated[str, Field(min_length=1, max_length=8000)] | None = None
    """What the target is told, as the last user turn: `{request}` stands for the client's last user turn and
    `{answer}` for the answer of the stage before. The first stage may do without and gets the request unchanged."""


class ShadowSpec(Closed):
    """Targets that get the request as well; the client never sees or waits for their answers."""

    targets: Names
    """Targets of this policy."""
    share: Probability = 1.0
    """Share of requests that they get."""
    keep_answers: Flag = False
    """Keep what they answered, to be compared; else only whether, how fast and for how much they answered."""


class PlanSpec(Closed):
    """What to do with a request: ordered `steps`, or a `choose` among targets, or a `chain`."""

    steps: Names | None = None
    """Targets in the order in which they are tried. Beside `chain`: what is tried if the chain cannot answer."""
    choose: Literal["cheapest", "fastest", "best"] | None = None
    """`cheapest` and `fastest`: of the targets in `among` that reach `success`, the one with the least expected
    cost, or the least 95th percentile of latency; then the others, as fallbacks. `best`: by falling probability of
    success, less what `limits` of the policy charge for money and time."""
    success: Probability | None = None
    """Least acceptable probability of a good answer, for `cheapest` and `fastest`."""
    among: Names | None = None
    """Targets to choose from."""
    chain: Annotated[tuple[StageSpec, ...], Field(min_length=2, max_length=8), ListOnly] | None = None
    """Stages that run one after another, each on the answer before it. The client gets the last one's answer."""
    budget: NotNegative | None = None
    """Most USD that one request may be expected to cost; a dearer target is skipped. A chain counts as a whole.
    A target without a known price is not skipped."""
    accept: Accept | None = None
    """When an answer of a local model is good enough."""
    hedge: HedgeSpec | None = None
    """What to do when the first step is slow."""
    shadow: ShadowSpec | None = None
    """Who else gets the request."""
    sticky: StickySpec | None = None
    """Tries the target first that answered earlier requests of the same session under this rule, as long as it is one
    of this plan's (or on trial for one) and can take the request. Experiments leave a request alone that stays."""
    forbid: Annotated[tuple[Text, ...], ListOnly] = ()
    """Kinds or names of targets that must not see the request, whatever else this policy says: other rules,
    fallbacks, chains, hedges, shadows, experiments, or a client that names a model."""
    cache: CacheSpec = CacheSpec()
    """Whether the answer may be kept."""
    timeout_s: Seconds | None = None
    """Overrides the targets' own."""
    first_token_s: Seconds | None = None
    """Overrides the targets' own."""
    deadline_s: Seconds | None = None
    """Longest time until an answer begins, or is complete if it is not streamed, over all steps, retries and waits.
    Once it has passed nothing more is tried. Unset, only the steps' own limits hold."""
    retries: Retries | None = None
    """Overrides the targets' own."""
    on_missing_upstream: OnMissing | None = None
    """Overrides the policy's own."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.steps is None and self.choose is None and self.chain is None:
            raise ValueError("give `steps`, `choose` or `chain`")
        if self.choose is not None and (self.steps is not None or self.chain is not None):
            raise ValueError("give either `steps` or `choose`, and beside `chain` only `steps`")
        if self.choose is None and (self.success is not None or self.among is not None):
            raise ValueError("`success` and `among` belong to `choose`, not to `steps` or `chain`")
        if self.choose is not None and self.among is None:
            raise ValueError("`choose` needs `among`, the targets to choose from")
        if (self.choose in ("cheapest", "fastest")) != (self.success is not None):
            raise ValueError("`choose: cheapest` and `fastest` need `success`, and `choose: best` takes none")
        if self.sticky is not None and self.chain is not None:
            raise ValueError(
                "`sticky` belongs to `steps` or `choose`: a chain always begins with its first stage"
            )
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target that this plan names and that may answer, in order."""
        return (*(stage.target for stage in self.chain or ()), *(self.steps or self.among or ()))
