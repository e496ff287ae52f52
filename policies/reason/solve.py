"""Whether a formula can hold: unit propagation, pure literals, and a search by cases within a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from policies.reason.formula import ALWAYS, NEVER, All, Formula, Literal, Some, negation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policies.reason.budget import Budget
    from policies.reason.sets import Values

    Domain = Callable[[str], Values]
    """Fact -> every value that it can take."""

Box: TypeAlias = "Mapping[str, Values]"
"""For some facts the values that are still possible; the others are free."""


def satisfiable(parts: Iterable[Formula], domain: Domain, budget: Budget) -> bool:
    """Whether all `parts` can hold together for facts taken from `domain`.

    Exact for facts that are independent of each other; raises `TooEntangledError` when the budget ends first.
    """
    return _search(_Node(domain, budget, {}, list(parts), None))


@dataclass(slots=True)
class _Node:
    """A place in the search: what is still possible, and what must still be met."""

    domain: Domain
    budget: Budget
    box: dict[str, Values]
    pending: list[Formula]
    changed: set[str] | None
    """Facts narrowed since `pending` was last simplified; None when all of it is new."""

    def narrow(self, literal: Literal) -> bool:
        """Let only values stay with which `literal` holds; False when none does."""
        left = self.possible(literal.fact).meet(literal.holds, self.budget)
        if left is None:
            return False
        self.box[literal.fact] = left
        if self.changed is not None:
            self.changed.add(literal.fact)
        return True

    def possible(self, fact: str) -> Values:
        found = self.box.get(fact)
        return self.domain(fact) if found is None else found

    def branch(self, parts: Iterable[Formula]) -> _Node:
        return _Node(self.domain, self.budget, dict(self.box), [*self.pending, *parts], None)


def _search(node: _Node) -> bool:
    while True:
        if not _propagate(node):
            return False
        if not node.pending:
            return True
        if not _settle_pure(node):
            break
    chosen = min((part for part in node.pending if isinstance(part, Some)), key=lambda part: len(part.parts))
    node.pending.remove(chosen)
    earlier: list[Formula] = []
    for part in chosen.parts:
        if _search(node.branch([part, *earlier])):
            return True
        earlier.append(negation(part))
    return False


def _propagate(node: _Node) -> bool:
    """Simplify what is pending until nothing changes; False when it cannot hold."""
    while True:
        changed, node.changed = node.changed, set()
        rest: list[Formula] = []
        for part in node.pending:
            if changed is not None and changed.isdisjoint(_facts(part)):
                rest.append(part)
                continue
            if not _take(node, simplified(part, node), rest):
                return False
        node.pending = rest
        if not node.changed:
            return True


def _take(node: _Node, part: Formula, rest: list[Formula]) -> bool:
    """Put a simplified part where it belongs: a literal into the box, a choice into `rest`."""
    if isinstance(part, Literal):
        return node.narrow(part)
    if isinstance(part, All):
        return all(_take(node, inner, rest) for inner in part.parts)
    if part.parts:
        rest.append(part)
    return bool(part.parts)


def simplified(part: Formula, node: _Node) -> Formula:
    """`part` without what surely holds or surely fails for the values still possible."""
    node.budget.spend()
    if isinstance(part, Literal):
        possible = node.possible(part.fact)
        if possible.meet(part.fails, node.budget) is None:
            return ALWAYS
        return NEVER if possible.meet(part.holds, node.budget) is None else part
    absorbing, neutral = (NEVER, ALWAYS) if isinstance(part, All) else (ALWAYS, NEVER)
    left: list[Formula] = []
    for inner in part.parts:
        found = simplified(inner, node)
        if found is absorbing:
            return absorbing
        if found is not neutral:
            left.append(found)
    if len(left) == 1:
        return left[0]
    return type(part)(tuple(left)) if left else neutral


def _settle_pure(node: _Node) -> bool:
    """Narrow every fact for which all that is asked of it can be met at once; whether there was one.

    The formulas have no negation left, so meeting every literal of a fact can only help.
    """
    wishes: dict[str, Values | None] = {}
    for literal in _literals(node.pending):
        node.budget.spend()
        wish = wishes.get(literal.fact, node.possible(literal.fact))
        wishes[literal.fact] = wish and wish.meet(literal.holds, node.budget)
    granted = {fact: wish for fact, wish in wishes.items() if wish is not None}
    node.box.update(granted)
    node.changed = set(granted)
    return bool(granted)


def _literals(parts: Iterable[Formula]) -> Iterable[Literal]:
    for part in parts:
        if isinstance(part, Literal):
            yield part
        else:
            yield from _literals(part.parts)


def _facts(part: Formula) -> set[str]:
    return {literal.fact for literal in _literals([part])}
