"""Which rules some request can reach, and which earlier rules take everything from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from policies.decision import TASK_PREFIX
from policies.engine import named_models
from policies.model import AUTO
from policies.reason.budget import Budget, TooEntangledError
from policies.reason.formula import All, Formula, Some, exactly, formula, matching, negation, parts
from policies.reason.solve import satisfiable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.model import Policy, When
    from policies.reason.solve import Domain

POLICY_BUDGET = 600_000
RULE_BUDGET = 30_000
MOST_BLAMED = 40
"""With more suspects than this it is not worked out which of the earlier rules are needed to cover a rule."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule.

    `contradictory`: no request meets its conditions; `keys` are those that exclude each other.
    `direct`: whatever it matches goes to a target by name before any rule is looked at.
    `covered`: the earlier rules at the positions `by` take every request that it matches; empty `by` with
    `covered` means all of them together. `unknown`: too entangled to tell within the budget.
    """

    kind: Literal["reachable", "contradictory", "direct", "covered", "unknown"]
    keys: tuple[str, ...] = ()
    by: tuple[int, ...] = ()


REACHABLE, UNKNOWN = Verdict("reachable"), Verdict("unknown")


def reach(policy: Policy, domain: Domain, budget: Budget | None = None) -> list[Verdict]:
    """A verdict for each rule, in order. A rule is called unreachable only if no request can be decided by it.

    `domain` says which values a fact can take. Time is bounded by the budget, not by the number of rules.
    """
    return _Reach(policy, domain, budget or Budget(POLICY_BUDGET)).verdicts()


def excluding_keys(when: When, domain: Domain, budget: Budget) -> tuple[str, ...]:
    """The fewest keys of `when` that no request meets together, dropped one by one; empty if some request does."""
    keyed = dict(parts(when))
    if satisfiable(keyed.values(), domain, budget):
        return ()
    for key in list(keyed):
        rest = [part for name, part in keyed.items() if name != key]
        if not satisfiable(rest, domain, budget):
            del keyed[key]
    return tuple(keyed)


@dataclass(frozen=True, slots=True)
class _Rule:
    matches: Formula
    fails: Formula
    named: Formula | None
    """Holds for the models that the rule asks for by name; None when it names none."""
    passed_by: Formula | None
    """Does not match a request for a model by name, or does not name that model."""


class _Reach:
    def __init__(self, policy: Policy, domain: Domain, budget: Budget) -> None:
        self._policy = policy
        self._domain = domain
        self._budget = budget
        self._rules = [_rule(rule.when) for rule in policy.rules]
        self._routed, self._unknown_name = _ways(policy)

    def verdicts(self) -> list[Verdict]:
        return [self._verdict(index) for index in range(len(self._rules))]

    def _verdict(self, index: int) -> Verdict:
        share = self._budget.share(RULE_BUDGET)
        try:
            return self._judge(index, share)
        except TooEntangledError:
            return UNKNOWN
        finally:
            self._budget.refund(share)

    def _judge(self, index: int, budget: Budget) -> Verdict:
        if self._reached(index, range(index), budget):
            return REACHABLE
        if self._reached(index, (), budget):
            return Verdict("covered", by=self._blamed(index, budget))
        keys = excluding_keys(self._policy.rules[index].when, self._domain, budget)
        return Verdict("contradictory", keys=keys) if keys else Verdict("direct")

    def _reached(self, index: int, before: Iterable[int], budget: Budget) -> bool:
        """Whether a request reaches the rule if only the rules `before` stood before it."""
        rule = self._rules[index]
        earlier = [self._rules[other] for other in before]
        routed = [rule.matches, self._routed, *(other.fails for other in earlier)]
        if satisfiable(routed, self._domain, budget):
            return True
        if rule.named is None:
            return False
        by_name = [rule.matches, rule.named, self._unknown_name]
        by_name += [other.passed_by for other in earlier if other.passed_by is not None]
        return satisfiable(by_name, self._domain, budget)

    def _blamed(self, index: int, budget: Budget) -> tuple[int, ...]:
        """Earlier rules that suffice to take everything from the rule: one if one does, else as few as found."""
        try:
            for other in range(index):
                if not self._reached(index, (other,), budget):
                    return (other,)
            needed = list(range(index))
            if index > MOST_BLAMED:
                needed = [other for other in needed if self._meet(index, other, budget)]
            if len(needed) > MOST_BLAMED:
                return ()
            for other in list(needed):
                fewer = [one for one in needed if one != other]
                if not self._reached(index, fewer, budget):
                    needed = fewer
            return tuple(needed)
        except TooEntangledError:
            return ()

    def _meet(self, index: int, other: int, budget: Budget) -> bool:
        return satisfiable([self._rules[index].matches, self._rules[other].matches], self._domain, budget)


def _rule(when: When) -> _Rule:
    matches = formula(when)
    fails = negation(matches)
    models = tuple(named_models(when))
    if not models:
        return _Rule(matches, fails, None, None)
    named = matching("model", models)
    return _Rule(matches, fails, named, Some((fails, negation(named))))


def _ways(policy: Policy) -> tuple[Formula, Formula]:
    """The models whose requests all rules may take, and those that only rules that name them may.

    As `decide` goes: a target's own name, then `auto`, then the first alias that matches, then any other name.
    """
    tasks = (TASK_PREFIX + t.model for t in policy.targets.values() if t.kind == "specialist")
    auto = matching("model", (AUTO,))
    free: Formula = All((negation(exactly("model", (*policy.targets, *tasks))), negation(auto)))
    routed: list[Formula] = [auto]
    for glob, stands_for in policy.aliases.items():
        matched = matching("model", (glob,))
        if stands_for == AUTO:
            routed.append(All((free, matched)))
        free = All((free, negation(matched)))
    return Some(tuple(routed)), free
