"""Changes of rules: added, removed, renamed, moved, and conditions with what they let in."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.diff_values import Change, field_changes
from policies.findings import quote
from policies.reason.budget import Budget, TooEntangledError
from policies.reason.formula import formula, negation
from policies.reason.solve import satisfiable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.diff_values import Effect
    from policies.model import Policy, Rule
    from policies.reason.formula import Formula
    from policies.reason.solve import Domain

_BUDGET = 20_000
_MOVES_BUDGET = 500_000
_MOST_NAMED = 4
_EFFECT_WORDS = {
    "narrower": "narrower: fewer requests match",
    "wider": "wider: more requests match",
    "different": "some requests no longer match, and others do",
    "none": "the same requests match",
}


def rule_changes(old: Policy, new: Policy, possible: Domain) -> Iterator[Change]:
    """Every change of the rules, in the order of the new file; removed ones first."""
    before, after = ({rule.id: rule for rule in policy.rules} for policy in (old, new))
    renamed = _renamed(before, after)
    for name, rule in before.items():
        if name not in after and name not in renamed.values():
            message = f"rule {quote(name)} removed: what it took goes on to the rules after it"
            yield Change("rule-removed", name, ("rules", name), message, before=_dump(rule))
    for position, (name, rule) in enumerate(after.items()):
        earlier = before.get(renamed.get(name, name))
        if earlier is None:
            yield _added(new, position)
            continue
        if name in renamed:
            message = f"rule {quote(renamed[name])} renamed to {quote(name)}: records and headers say so from now on"
            yield Change(
                "rule-renamed", name, ("rules", name, "id"), message, renamed[name], name, routes=False
            )
        yield from _changed(earlier, rule, possible)
    yield from _moves(old, new, renamed, possible)


def condition_effect(old: Formula, new: Formula, possible: Domain) -> Effect | None:
    """What becomes of the requests that match; None when it takes too long to tell."""
    try:
        gains = satisfiable([new, negation(old)], possible, Budget(_BUDGET))
        loses = satisfiable([old, negation(new)], possible, Budget(_BUDGET))
    except TooEntangledError:
        return None
    return "different" if gains and loses else "wider" if gains else "narrower" if loses else "none"


def _added(policy: Policy, position: int) -> Change:
    rule = policy.rules[position]
    where = f"after {quote(policy.rules[position - 1].id)}" if position else "first"
    message = f"rule {quote(rule.id)} added, {where}"
    return Change("rule-added", rule.id, ("rules", rule.id), message, after=_dump(rule))


def _changed(old: Rule, new: Rule, possible: Domain) -> Iterator[Change]:
    before, after = _dump(old), _dump(new)
    about, path = f"rule {quote(new.id)}: ", ("rules", new.id)
    if before["when"] != after["when"]:
        effect = condition_effect(formula(old.when), formula(new.when), possible)
        if effect != "none":  # else it says the same in other words
            for change in field_changes(
                "condition", new.id, (*path, "when"), before["when"], after["when"], about=about
            ):
                words = f" ({_EFFECT_WORDS[effect]})" if effect else ""
                yield Change(
                    "condition",
                    new.id,
                    change.path,
                    change.message + words,
                    change.before,
                    change.after,
                    effect,
                )
    yield from field_changes("plan", new.id, (*path, "then"), before["then"], after["then"], about=about)


def _renamed(before: Mapping[str, Rule], after: Mapping[str, Rule]) -> dict[str, str]:
    """New id -> old id of rules that are otherwise the same."""
    gone = {_content(rule): name for name, rule in before.items() if name not in after}
    return {
        name: gone.pop(_content(rule))
        for name, rule in after.items()
        if name not in before and _content(rule) in gone
    }


def _content(rule: Rule) -> str:
    return rule.model_dump_json(exclude={"id"})


@dataclass(frozen=True, slots=True)
class _Order:
    """The rules that both policies have, by their new ids."""

    old: list[str]
    new: list[str]

    def passed(self, name: str) -> list[str]:
        """Rules that stand on another side of `name` than before."""
        before, after = self.old.index(name), self.new.index(name)
        was_ahead, is_ahead = set(self.old[:before]), set(self.new[:after])
        return [other for other in self.new if (other in was_ahead) != (other in is_ahead) and other != name]


def _moves(old: Policy, new: Policy, renamed: Mapping[str, str], possible: Domain) -> Iterator[Change]:
    names = {was: name for name, was in renamed.items()}
    before = [names.get(rule.id, rule.id) for rule in old.rules]
    after = {rule.id: rule for rule in new.rules}
    kept = set(before) & set(after)
    order = _Order([name for name in before if name in kept], [name for name in after if name in kept])
    moved, told = _moved(order), set[frozenset[str]]()
    budget = Budget(_MOVES_BUDGET)
    for name in moved:
        passed = [other for other in order.passed(name) if frozenset((name, other)) not in told]
        told |= {frozenset((name, other)) for other in passed}
        yield _move(after[name], [after[other] for other in passed], order, possible, budget)


def _move(rule: Rule, passed: list[Rule], order: _Order, possible: Domain, budget: Budget) -> Change:
    meeting = [other for other in passed if _may_meet(rule, other, possible, budget)]
    place = order.new.index(rule.id)
    where = f"to stand after {quote(order.new[place - 1])}" if place else "to the top"
    message = f"rule {quote(rule.id)} moved {where}"
    was, path = order.old.index(rule.id), ("rules", rule.id)
    if not meeting:
        who = _listed([other.id for other in passed]) if passed else "no other rule"
        message += f"; no effect: no request matches it and {who}"
        return Change("rule-moved", rule.id, path, message, was, place, "none", routes=False)
    first = [other.id for other in meeting if order.new.index(other.id) > place]
    last = [other.id for other in meeting if order.new.index(other.id) < place]
    said = [f"what matches it and {_listed(first)} now goes to {quote(rule.id)}"] if first else []
    said += [f"what matches it and {_listed(last)} now goes there"] if last else []
    message += f"; {', and '.join(said)}"
    return Change("rule-moved", rule.id, path, message, was, place, "different")


def _may_meet(one: Rule, other: Rule, possible: Domain, budget: Budget) -> bool:
    try:
        return satisfiable([formula(one.when), formula(other.when)], possible, budget)
    except TooEntangledError:
        return True


def _moved(order: _Order) -> list[str]:
    """The fewest rules that have to move: those outside of a longest increasing subsequence (patience sorting)."""
    positions = [order.old.index(name) for name in order.new]
    piles: list[int] = []
    tops: list[int] = []
    behind: list[int] = []
    for index, position in enumerate(positions):
        pile = bisect_left(piles, position)
        piles[pile : pile + 1] = [position]
        tops[pile : pile + 1] = [index]
        behind.append(tops[pile - 1] if pile else -1)
    stay, index = set[int](), tops[-1] if tops else -1
    while index >= 0:
        stay.add(index)
        index = behind[index]
    return [name for index, name in enumerate(order.new) if index not in stay]


def _dump(rule: Rule) -> dict[str, Any]:
    dumped: dict[str, Any] = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _listed(names: list[str]) -> str:
    shown = [quote(name) for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        return f"{', '.join(shown)} or {len(names) - _MOST_NAMED} others"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
