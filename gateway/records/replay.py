"""Replays stored traffic under an edited policy: what would have gone elsewhere, and what cannot be known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from policies.engine import ALIAS, REQUESTED_MODEL
from policies.replay import Followed, Tried, follow, special_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.records.reading import Stored
    from policies.decision import Decision

NOBODY: Final = "(no answer)"
UNLIKE_OLD: Final = (
    "recorded otherwise than --against decides: another version was in force, or a price has changed"
)


class Compared(msgspec.Struct):
    """One request as it was and as it would have been. Money is USD; NaN is unknown."""

    request_id: str
    at: float
    task: str
    rule_before: str
    rule_after: str
    before: str
    """Who answered."""
    after: str
    """Who would, or would be asked first without anybody knowing how it went."""
    known: bool
    """The record holds what would have happened."""
    rerouted: bool
    weight: float
    drawn: bool
    unit: str
    """What was drawn together."""
    ended_well: bool
    cost_usd: float = nan
    total_ms: float = nan
    spared_ms: float = 0.0
    """Time of recorded calls that the new plan does not make."""
    score: float = nan
    success_before: float = nan
    success_after: float = nan
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Decided(NamedTuple):
    """A decision, and the success of each target that the classifier can tell."""

    decision: Decision
    success: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Deciders:
    """How to decide a record under the new policy and, if given, the old one; both give words when they cannot."""

    new: Callable[[Stored], Decided | str]
    old: Callable[[Stored], Decided | str] | None
    sticky: Mapping[str, str]
    """Experiment -> what is drawn together."""


@dataclass(slots=True)
class Replayed:
    """Every request that could be decided again, and why the others could not."""

    rows: list[Compared] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)
    named: int = 0
    """Decided requests whose client named a target or an alias for one: no rule sends them anywhere."""
    read: int = 0

    @property
    def rerouted(self) -> int:
        """Requests that another target would have answered, or might have."""
        return sum(row.rerouted for row in self.rows)

    @property
    def refused(self) -> int:
        """Requests that were answered and would get no answer at all."""
        return sum(row.rerouted and row.after == NOBODY for row in self.rows)

    def by_rule(self) -> list[tuple[str, str, int]]:
        """Rule before, rule after, rerouted requests; most first."""
        found = Counter((row.rule_before, row.rule_after) for row in self.rows if row.rerouted)
        return [(*pair, count) for pair, count in found.most_common()]

    def by_target(self) -> list[tuple[str, str, int, int]]:
        """Target before, target after, requests, of them those whose outcome on it is known; most first."""
        found = Counter((row.before, row.after) for row in self.rows if row.rerouted)
        known = Counter((row.before, row.after) for row in self.rows if row.rerouted and row.known)
        return [(*pair, count, known[pair]) for pair, count in found.most_common()]


def replay(records: Iterable[Stored], deciders: Deciders) -> Replayed:
    """Decide every record again."""
    replayed = Replayed()
    for record in records:
        replayed.read += 1
        decided = deciders.new(record)
        if isinstance(decided, str):
            replayed.undecided[decided] += 1
            continue
        tried = _tried(record)
        success: Mapping[str, float] = {}
        if deciders.old is not None:
            before = deciders.old(record)
            if isinstance(before, str) or not _is_recorded(before.decision, record, tried):
                replayed.undecided[before if isinstance(before, str) else UNLIKE_OLD] += 1
                continue
            success = before.success
        replayed.named += decided.decision.rule in (REQUESTED_MODEL, ALIAS)
        decided = Decided(decided.decision, {**success, **decided.success})
        replayed.rows.append(_compared(record, tried, decided, deciders.sticky))
    return replayed


def _is_recorded(decision: Decision, record: Stored, tried: list[Tried]) -> bool:
    """Whether this decision is the one that was recorded, so that its outcome is that of the record."""
    same = decision.rule == record.rule and [step.target for step in decision.plan.steps] == record.steps
    return same and _follow(decision, record, tried).known


def _tried(record: Stored) -> list[Tried]:
    """The calls that were made; one that was cancelled in favour of another has shown nothing."""
    return [
        Tried(call.target, call.status, call.ms, call.confidence)
        for call in record.attempts
        if call.status != "cancelled" or call.target == record.target
    ]


def _follow(decision: Decision, record: Stored, tried: list[Tried]) -> Followed:
    """Where a decision leads. Of a chain the record holds only what the very same plan did."""
    kept = record.facts or {}
    recorded, new = kept.get("route"), special_route(decision.plan)
    if recorded is None:
        return follow(decision.plan, tried)
    steps = [(step.target, step.accept_confidence) for step in decision.plan.steps]
    if recorded == new and steps == list(zip(record.steps, kept.get("accept", ()), strict=False)):
        return Followed(record.target or None, known=True, used=tuple(call.target for call in tried))
    # What a stage of a chain or a hedged call did says nothing certain about another plan.
    return follow(decision.plan, ())


def _compared(record: Stored, tried: list[Tried], decided: Decided, sticky: Mapping[str, str]) -> Compared:
    decision, success = decided
    followed = _follow(decision, record, tried)
    before, after = record.target or NOBODY, followed.target or NOBODY
    same = followed.known and after == before
    facts = record.facts or {}
    experiment = facts.get("experiment")
    # A draw that the new policy repeats is not independent of what was recorded: it overlaps with nothing else.
    repeats = experiment is not None and decision.experiment == experiment
    drawn = record.propensity < 1.0 and not repeats
    return Compared(
        request_id=record.request_id,
        at=record.at,
        task=str((record.signals or {}).get("task", "")),
        rule_before=record.rule,
        rule_after=decision.rule,
        before=before,
        after=after,
        known=followed.known,
        rerouted=not same,
        weight=_weight(record, decision, followed, drawn=drawn, same=same),
        drawn=drawn,
        unit=_unit(record, sticky.get(str(experiment), "session")) if drawn else record.request_id,
        ended_well=record.status == "ok",
        cost_usd=nan if record.cost_usd is None else record.cost_usd,
        total_ms=nan if record.total_ms is None else record.total_ms,
        spared_ms=sum(call.ms for call in tried if call.target not in followed.used) if same else 0.0,
        score=nan if record.score is None else record.score,
        success_before=success.get(before, nan),
        success_after=success.get(after, nan),
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
    )


def _weight(record: Stored, decision: Decision, followed: Followed, *, drawn: bool, same: bool) -> float:
    """1 / propensity where the new plan is the one that was drawn, 1 where nothing changes, else 0."""
    if not drawn:
        return float(same)
    first = record.steps[0] if record.steps else None
    return 1.0 / record.propensity if followed.known and decision.plan.first == first else 0.0


def _unit(record: Stored, sticky: str) -> str:
    """What was drawn together with this request."""
    facts = record.facts or {}
    names = {"key": record.key, "session": facts.get("session"), "tenant": record.tenant}
    found = names.get(sticky)
    return f"{sticky}:{found}" if found else record.request_id
