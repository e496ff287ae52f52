"""The part of the language that draws: `experiments`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from policies.scalars import Closed, Id, Positive, Probability, Text

ExperimentKind = Literal["canary", "ab", "shadow", "explore"]
Sticky = Literal["key", "session", "tenant", "request"]


class StopIf(Closed):
    """When an experiment ends by itself, and every request is treated as before it."""

    inferior_by: Probability
    """Margin: it stops once `to` is shown to be worse than `from` by more than this."""
    confidence: Probability = 0.95
    """How sure that has to be. The test may be read at any time without losing its meaning."""


class Experiment(Closed):
    """A share of requests that is routed otherwise, by a draw whose probability is recorded.

    `forbid`, capabilities, cost caps and availability hold for what it draws as for any plan. A client that names a
    target gets that target. A request takes part in the first `canary` or `ab` of the file that concerns it, and in
    every `explore` and `shadow`.
    """

    id: Id
    """Names it in records, spans, response headers and `pointsman policy status`."""
    kind: Literal["canary", "ab", "shadow", "explore"]
    """`canary`: a small share goes to `to` first, and `from` is its fallback. `ab`: the same draw, to measure rather
    than to roll out. `shadow`: a share goes to `to` as well, and its answer is thrown away. `explore`: a share goes
    first to one of the plan's usable targets, each with equal probability."""
    from_: Text | None = Field(None, alias="from")
    """Requests whose plan has this target take part."""
    to: Text | None = None
    """The target on trial."""
    share: Probability
    """Probability of being drawn."""
    sticky: Sticky = "session"
    """What stays together: once drawn, a key, session or tenant stays drawn, also when `share` grows. A request that
    has none is drawn by itself. `explore` and `shadow` always draw each request."""
    stop_if: StopIf | None = None
    """When it ends by itself."""
    max_usd: Positive | None = None
    """Most USD that requests drawn to `to` (or explored) may cost together, over all gateways; then it ends."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "explore":
            if self.from_ is not None or self.to is not None:
                raise ValueError(
                    "`explore` draws among the plan's own targets and takes neither `from` nor `to`"
                )
        elif self.from_ is None or self.to is None:
            raise ValueError(f"`{self.kind}` needs `from` and `to`")
        elif self.from_ == self.to:
            raise ValueError("`from` and `to` are the same target")
        if self.kind in ("explore", "shadow"):
            if self.stop_if is not None:
                raise ValueError("`stop_if` belongs to `canary` and `ab`")
            if "sticky" in self.model_fields_set and self.sticky != "request":
                raise ValueError(f"`{self.kind}` draws each request; `sticky` belongs to `canary` and `ab`")
        return self
