"""Decides recorded requests again, and follows the new plan through what was recorded of the old one. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from policies.engine import decide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.decision import Decision, Plan
    from policies.engine import CompiledPolicy
    from policies.facts import Facts

T = TypeVar("T")
AttemptStatus = Literal["ok", "declined", "unsure", "failed", "cancelled"]


class Observed(dict[str, Any]):
    """What was recorded of a mapping: an entry of None was seen to be absent, any other name was not looked at.

    `missed` is the last name that was asked for and not recorded: whatever was decided then is not certain.
    """

    __slots__ = ("missed",)

    def __init__(self, recorded: dict[str, Any] | None = None) -> None:
        super().__init__(recorded or {})
        self.missed: str | None = None

    @overload
    def get(self, key: str, default: None = None, /) -> Any | None: ...  # noqa: ANN401 as dict says it
    @overload
    def get(self, key: str, default: T, /) -> Any | T: ...  # noqa: ANN401
    def get(self, key: str, default: object = None, /) -> object:
        """The recorded value, or `default` when it was absent or not recorded."""
        if key not in self:
            self.missed = key
            return default
        value = self[key]
        return default if value is None else value


@dataclass(frozen=True, slots=True)
class Tried:
    """One recorded call of a target."""

    target: str
    status: AttemptStatus
    ms: float = 0.0
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a plan leads, as far as the record knows."""

    target: str | None
    """Who answers; where `known` is false, the first step whose answer nobody has seen. None: nobody answers."""
    known: bool
    """Whether the record holds what would have happened."""
    used: tuple[str, ...] = ()
    """Recorded calls that this plan makes too, in order."""


def decide_again(compiled: CompiledPolicy, facts: Facts) -> Decision | str:
    """The decision under `compiled`, or the name of the fact it looked at that was not recorded.

    Facts that may be unrecorded are `Observed`: `metadata`, `headers`, `success`.
    """
    decision = decide(compiled, facts, explained=False)
    for what, values in (("metadata", facts.metadata), ("header", facts.headers), ("success", facts.success)):
        if isinstance(values, Observed) and values.missed is not None:
            return f"{what}.{values.missed}"
    return decision


def special_route(plan: Plan) -> str | None:
    """16 hex digits that stand for a plan's chain and hedge; None for a plan that has neither."""
    if not plan.chain and plan.hedge is None:
        return None
    stages = [(stage.step.target, stage.instruction) for stage in plan.chain]
    return hashlib.sha256(repr((stages, plan.hedge)).encode()).hexdigest()[:16]


def follow(plan: Plan, tried: Sequence[Tried]) -> Followed:
    """Climb `plan` with the recorded calls in place of real ones.

    A call that was made is taken to end as it did, whoever was asked before. An answer above the new threshold is
    released, and one that was held back and would be released now was never seen whole: it is not known. Nor is what a
    chain says, or who wins where a hedge would have started.
    """
    if plan.chain:
        return Followed(plan.first, known=False)
    by_target = {call.target: call for call in tried}
    used: list[str] = []
    for step in plan.steps:
        call = by_target.get(step.target)
        if call is None:
            return Followed(step.target, known=False, used=tuple(used))
        used.append(step.target)
        threshold = step.accept_confidence
        sure = threshold is None or call.confidence is None or call.confidence >= threshold
        if plan.hedge is not None and step is plan.steps[0] and call.ms > plan.hedge.after_s * 1000:
            return Followed(step.target, known=False, used=tuple(used))
        if call.status in ("ok", "cancelled") and sure:
            return Followed(step.target, known=True, used=tuple(used))
        if call.status == "unsure" and sure:
            return Followed(step.target, known=False, used=tuple(used))
    return Followed(None, known=True, used=tuple(used))
