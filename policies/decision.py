"""What the engine returns: a plan, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TargetKind = Literal["specialist", "local", "upstream"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of one rule, with the value that passed or failed it."""

    fact: str
    """Name of the fact, e.g. `difficulty`."""
    expected: str
    """The condition in words, e.g. `at least 0.6`."""
    actual: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule that was looked at, in order, and whether it matched."""

    rule: str
    matched: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A target that the plan named but cannot use for this request."""

    target: str
    reason: str
    """In words a caller may read, e.g. "set `OPENAI_API_KEY`"."""
    cause: Literal["unavailable", "incapable", "forbidden", "too_costly", "too_weak"]
    """`too_weak`: usable, but a missing upstream was needed to reach what the plan asks."""


@dataclass(frozen=True, slots=True)
class Step:
    """One target to try. `accept_confidence` holds the answer until it is judged at least that sure."""

    target: str
    kind: TargetKind
    model: str
    accept_confidence: float | None = None
    timeout_s: float = 60.0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Whether and for how long the answer may be kept; `sampled` allows answers drawn at temperature > 0."""

    exact: bool = True
    ttl_s: float = 3600.0
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps. Empty when no named target can be used; then `skipped` says why."""

    steps: tuple[Step, ...]
    cache: CachePlan
    skipped: tuple[Skipped, ...] = ()
    degraded: str | None = None
    """Set when a weaker target stands in for a missing upstream: a short reason for the response header."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The route of one request and its explanation."""

    policy_version: str
    rule: str
    plan: Plan
    considered: tuple[Considered, ...]
    propensity: float = 1.0
    """Probability with which this plan was chosen; 1 unless an experiment drew it."""
