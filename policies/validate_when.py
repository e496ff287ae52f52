"""Checks the conditions of a rule: names that exist, ranges that can be met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.findings import Check, Severity, did_you_mean, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.document import Loc
    from policies.labels import Labels
    from policies.model import Policy, Range, When

_PROBABILITIES = ("difficulty", "task_confidence", "domain_confidence", "pii", "injection")
_COUNTS = ("tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding before it has a line: where in the data, and what."""

    loc: Loc
    message: str
    severity: Severity = "error"
    on_key: bool = False
    check: Check = "names"


def warning(loc: Loc, message: str, check: Check, *, on_key: bool = False) -> Problem:
    """A problem that does not keep a policy from serving."""
    return Problem(loc, message, "warning", on_key, check)


def note(loc: Loc, message: str, check: Check) -> Problem:
    """Something to know about a policy that asks for no change."""
    return Problem(loc, message, "note", check=check)


def unknown(name: str, known: Iterable[str], loc: Loc, what: str) -> Iterator[Problem]:
    """A problem if `name` is not one of `known`, with the nearest of them."""
    known = tuple(known)
    if name not in known:
        yield Problem(loc, f"unknown {what} {quote(name)}{did_you_mean(name, known)}")


def when_problems(when: When, policy: Policy, labels: Labels, loc: Loc) -> Iterator[Problem]:
    """Every problem of a condition and of those nested in it."""
    yield from _labels(when, labels, loc)
    for name in _PROBABILITIES:
        if (limits := getattr(when, name)) is not None:
            yield from _range(limits, (*loc, name), highest=1.0)
    for name in _COUNTS:
        if (limits := getattr(when, name)) is not None:
            yield from _range(limits, (*loc, name), highest=float("inf"))
    for target, limits in (when.success or {}).items():
        yield from unknown(target, policy.targets, (*loc, "success", target), "target")
        yield from _range(limits, (*loc, "success", target), highest=1.0)
    for name, members in (("all", when.all_), ("any", when.any_)):
        for index, member in enumerate(members or ()):
            yield from when_problems(member, policy, labels, (*loc, name, index))
    if when.not_ is not None:
        yield from when_problems(when.not_, policy, labels, (*loc, "not"))


def _labels(when: When, labels: Labels, loc: Loc) -> Iterator[Problem]:
    every = (("task", labels.tasks), ("domain", labels.domains), ("language", labels.languages))
    for name, known in every:
        given = getattr(when, name)
        for index, label in enumerate(given or ()):
            if known:
                yield from unknown(label, sorted(known), (*loc, name, index), name)


def _range(limits: Range, loc: Loc, *, highest: float) -> Iterator[Problem]:
    """Bounds that no value between 0 and `highest` can meet, or that lie outside of it."""
    for name in ("at_least", "above", "at_most", "below"):
        bound = getattr(limits, name)
        if bound is not None and not 0 <= bound <= highest:
            top = f"{highest:g}" if highest != float("inf") else "infinity"
            yield Problem((*loc, name), f"{quote(f'{bound:g}')} lies outside 0 to {top}")
    low = max(b for b in (limits.at_least, limits.above, float("-inf")) if b is not None)
    high = min(b for b in (limits.at_most, limits.below, float("inf")) if b is not None)
    strict = limits.above == low or limits.below == high
    if low > high or (low == high and strict):
        yield Problem(loc, f"no value is both {_side(limits, low)} {low:g} and {_top(limits, high)} {high:g}")


def _side(limits: Range, low: float) -> str:
    return "above" if limits.above == low else "at least"


def _top(limits: Range, high: float) -> str:
    return "below" if limits.below == high else "at most"
