"""What the engine returns: a plan, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TASK_PREFIX = "task/"
"""`task/NAME` asks for the specialist whose model is NAME."""

TargetKind = Literal["specialist", "local", "upstream"]
Arm = Literal["control", "treatment", "explored"]
"""`control`: as without the experiment. `treatment`: to the target on trial. `explored`: to one drawn at random."""


# Named tuples: a long policy makes hundreds of these for an explanation, in a third of the time of a dataclass.
class Check(NamedTuple):
    """One condition of one rule, with the value that passed or failed it."""

    fact: str
    """Name of the fact, e.g. `difficulty`."""
    expected: str
    """The condition in words, e.g. `at least 0.6`."""
    actual: str
    passed: bool


class Considered(NamedTuple):
    """One rule that was looked at, in order, and whether it matched."""

    rule: str
    matched: bool
    checks: tuple[Check, ...]


# Called with a tuple of the fields: past the constructor, which is written in Python and takes thrice as long.
check_of: Callable[[tuple[str, str, str, bool]], Check] = partial(tuple.__new__, Check)
considered_of: Callable[[tuple[str, bool, tuple[Check, ...]]], Considered] = partial(
    tuple.__new__, Considered
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A target that the plan named but cannot use for this request."""

    target: str
    reason: str
    """In words a caller may read, e.g. "set `OPENAI_API_KEY`"."""
    cause: Literal["unavailable", "incapable", "forbidden", "too_costly", "too_weak", "too_risky"]
    """`too_weak`: usable, but a missing upstream was needed to reach what the plan asks. `too_risky`: nothing shows
    that its answers keep to the risk that the plan accepts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target to try. `accept_confidence` holds the answer until it is judged at least that sure."""

    target: str
    kind: TargetKind
    model: str
    accept_confidence: float | None = None
    timeout_s: float = 60.0
    retries: int = 0
    first_token_s: float | None = None
    """For the first piece of a stream; None: as `timeout_s`."""
    acceptance: str | None = None
    """Where `accept_confidence` came from a risk: what shows it, in words."""


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Whether and for how long the answer may be kept; `sampled` allows answers drawn at temperature > 0."""

    exact: bool = True
    ttl_s: float = 3600.0
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a chain: a target and what it is told."""

    step: Step
    instruction: str | None
    """Template of the last user turn with `{request}` and `{answer}`; None sends the request unchanged."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """Start the second step too when the first has sent no piece after `after_s`."""

    after_s: float
    spend_share: float
    """Money that hedging may add, as a share of what this rule's requests cost without it."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A target that gets the request too; nobody waits for it."""

    step: Step
    propensity: float
    """Probability with which it was drawn."""
    keep_answer: bool = False
    experiment: str | None = None


@dataclass(frozen=True, slots=True)
class Sticky:
    """Whoever answers is to answer the next request of the same unit under this rule too."""

    by: Literal["session", "key", "tenant"]
    rule: str
    for_s: float
    held: str | None = None
    """The target that this request stays with."""

    @property
    def name(self) -> str:
        """Tells the rules of a unit apart, in `Facts.settled`."""
        return f"{self.by} {self.rule}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the chain if there is one, and the ordered steps if there is none or it cannot answer.

    Without steps and chain no named target can be used; then `skipped` says why.
    """

    steps: tuple[Step, ...]
    cache: CachePlan
    skipped: tuple[Skipped, ...] = ()
    degraded: str | None = None
    """Set when a weaker target stands in for a missing upstream: a short reason for the response header."""
    chain: tuple[Stage, ...] = ()
    hedge: Hedge | None = None
    shadows: tuple[Shadow, ...] = ()
    deadline_s: float | None = None
    """For the first piece of an answer over all steps, waits and retries; None sets no limit beside theirs."""
    sticky: Sticky | None = None

    @property
    def first(self) -> str | None:
        """The target that is called first; None when nothing can be run."""
        if self.chain:
            return self.chain[0].step.target
        return self.steps[0].target if self.steps else None

    @property
    def targets(self) -> list[str]:
        """What is called, in order: the chain's targets, then those of the steps."""
        steps = [step.target for step in self.steps]
        return [*(stage.step.target for stage in self.chain), *steps] if self.chain else steps

    @property
    def recipients(self) -> tuple[Step, ...]:
        """Every step that may see the request, in whichever part of the plan."""
        return (*(s.step for s in self.chain), *self.steps, *(s.step for s in self.shadows))


@dataclass(frozen=True, slots=True)
class Decision:
    """The route of one request and its explanation."""

    policy_version: str
    rule: str
    plan: Plan
    considered: tuple[Considered, ...]
    propensity: float = 1.0
    """Probability with which these steps were drawn, in this order; 1 unless an experiment could have drawn others."""
    experiment: str | None = None
    """The experiment that the request takes part in."""
    arm: Arm | None = None
