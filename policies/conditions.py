"""Compiles `when` into closures. One evaluator serves both the verdict and its explanation."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from policies.decision import Check, check_of
from policies.model import Pattern
from policies.patterns import glob_matcher, pattern_matcher
from policies.wording import alternatives, bounds, clock, matching, number, yes_no

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policies.facts import Facts
    from policies.model import Match, Range, TimeWindow, When

_ENUMERATIONS = ("task", "domain", "language")
_RANGES = (
    "difficulty",
    "task_confidence",
    "domain_confidence",
    "pii",
    "injection",
    "tokens",
    "max_output_tokens",
)
_FLAGS = ("tools", "json_schema", "stream")
_TEXTS = ("model", "key", "tenant")


Probe = tuple["Callable[[Facts], Any]", "Callable[[Any], bool]"]
"""How to read a value, and whether the value passes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition: `holds(read(facts))` decides, `show(read(facts))` is the value to show.

    The parts are C functions where they can be, because every rule of a policy passes through here.
    """

    fact: str
    expected: str
    read: Callable[[Facts], Any]
    holds: Callable[[Any], bool]
    show: Callable[[Any], str]

    def check(self, facts: Facts, *, passed: bool) -> Check:
        """The verdict `passed` of this condition as an explanation."""
        return check_of((self.fact, self.expected, self.show(self.read(facts)), passed))


def compile_when(when: When) -> tuple[Condition, ...]:
    """Conditions that must all hold, cheap ones first; empty if `when` says nothing."""
    return tuple(_conditions(when))


def probes_of(conditions: tuple[Condition, ...]) -> tuple[Probe, ...]:
    """The conditions without their words, as plain tuples: they are taken apart faster than objects."""
    return tuple((condition.read, condition.holds) for condition in conditions)


def first_failure(probes: tuple[Probe, ...], facts: Facts) -> int:
    """Index of the first probe that fails, or -1 when all hold."""
    for index, (read, holds) in enumerate(probes):
        if not holds(read(facts)):
            return index
    return -1


def explain(conditions: tuple[Condition, ...], facts: Facts, failure: int) -> tuple[Check, ...]:
    """The checks that led to `failure` (from `first_failure`), the failed one last."""
    if failure == 0:  # most rules fail at once, so this is written out
        first = conditions[0]
        return (check_of((first.fact, first.expected, first.show(first.read(facts)), False)),)
    passed = conditions if failure < 0 else conditions[:failure]
    checks = [condition.check(facts, passed=True) for condition in passed]
    if failure > 0:
        checks.append(conditions[failure].check(facts, passed=False))
    return tuple(checks)


def matcher(matches: tuple[Match, ...]) -> Callable[[str], bool]:
    """Whether the whole text fits any glob or pattern, in time linear in the text."""
    globs = [match for match in matches if isinstance(match, str)]
    patterns = [match.pattern for match in matches if isinstance(match, Pattern)]
    if not patterns:
        return glob_matcher(globs)
    if not globs:
        return pattern_matcher(patterns)
    fits_glob, fits_pattern = glob_matcher(globs), pattern_matcher(patterns)
    return lambda text: fits_glob(text) or fits_pattern(text)


def hour_of(clock: str) -> float:
    """A time of day such as `22:30` in hours."""
    hours, minutes = clock.split(":")
    return int(hours) + int(minutes) / 60


def _conditions(when: When) -> Iterator[Condition]:
    yield from _plain(when)
    yield from _keyed(when)
    if when.modalities is not None:
        yield _modalities(when.modalities)
    if when.time is not None:
        yield _time(when.time)
    yield from _combinations(when)


def _plain(when: When) -> Iterator[Condition]:
    """Conditions on one fact each, in the order in which they tell most for least."""
    for name in _FLAGS:
        if (wanted := getattr(when, name)) is not None:
            expected = f"is {yes_no(wanted)}"
            yield Condition(name, expected, attrgetter(name), partial(operator.is_, wanted), yes_no)
    for name in _ENUMERATIONS:
        if (values := getattr(when, name)) is not None:
            yield Condition(name, alternatives(values), attrgetter(name), frozenset(values).__contains__, str)
    for name in _RANGES:
        if (limits := getattr(when, name)) is not None:
            yield _range(name, limits, attrgetter(name), optional=name == "max_output_tokens")
    for name in _TEXTS:
        if (patterns := getattr(when, name)) is not None:
            yield Condition(name, matching(patterns), attrgetter(name), matcher(patterns), str)


def _keyed(when: When) -> Iterator[Condition]:
    """Conditions on an entry of a mapping; an entry that is absent fails them."""
    for target, limits in (when.success or {}).items():
        yield _range(f"success.{target}", limits, _success_of(target), optional=True)
    for key, patterns in (when.metadata or {}).items():
        yield _entry(f"metadata.{key}", patterns, _metadata_of(key))
    for key, patterns in (when.header or {}).items():
        yield _entry(f"header.{key.lower()}", patterns, _header_of(key.lower()))


def _combinations(when: When) -> Iterator[Condition]:
    for member in when.all_ or ():
        yield from _conditions(member)
    if when.any_ is not None:
        yield _any([compile_when(member) for member in when.any_])
    if when.not_ is not None:
        yield _not(compile_when(when.not_))


def _range(name: str, limits: Range, read: Callable[[Facts], Any], *, optional: bool) -> Condition:
    within = _within(limits)
    holds = (lambda value: value is not None and within(value)) if optional else within
    return Condition(name, bounds(limits), read, holds, number)


def _within(limits: Range) -> Callable[[float], bool]:
    """Whether a number meets every bound; NaN meets none."""
    tests = [
        partial(compare, bound)
        for compare, bound in (
            (operator.le, limits.at_least),
            (operator.lt, limits.above),
            (operator.ge, limits.at_most),
            (operator.gt, limits.below),
        )
        if bound is not None
    ]
    return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)


def _success_of(target: str) -> Callable[[Facts], float | None]:
    return lambda facts: facts.success.get(target)


def _metadata_of(key: str) -> Callable[[Facts], str | None]:
    return lambda facts: facts.metadata.get(key)


def _header_of(name: str) -> Callable[[Facts], str | None]:
    return lambda facts: facts.headers.get(name)


def _entry(name: str, wanted: tuple[Match, ...], read: Callable[[Facts], Any]) -> Condition:
    fits = matcher(wanted)
    return Condition(
        name,
        matching(wanted),
        read,
        lambda text: text is not None and fits(text),
        lambda text: "absent" if text is None else text,
    )


def _modalities(wanted: tuple[str, ...]) -> Condition:
    return Condition(
        "modalities",
        "contains " + ", ".join(wanted),
        attrgetter("modalities"),
        frozenset(wanted).issubset,
        lambda given: ", ".join(sorted(given)),
    )


def _time(window: TimeWindow) -> Condition:
    start, end = hour_of(window.start), hour_of(window.end)

    def holds(hour: float) -> bool:
        return start <= hour < end if start < end else hour >= start or hour < end

    return Condition("time", f"from {window.start} to {window.end} UTC", attrgetter("hour_utc"), holds, clock)


def _any(members: list[tuple[Condition, ...]]) -> Condition:
    ways = [probes_of(member) for member in members]

    def holds(facts: Facts) -> bool:
        for probes in ways:
            for read, passes in probes:
                if not passes(read(facts)):
                    break
            else:
                return True
        return False

    return Condition(
        "any",
        " or ".join(_words(member) for member in members),
        _whole,
        holds,
        _values(tuple(condition for member in members for condition in member)),
    )


def _not(member: tuple[Condition, ...]) -> Condition:
    probes = probes_of(member)
    return Condition(
        "not",
        f"not ({_words(member)})",
        _whole,
        lambda facts: first_failure(probes, facts) >= 0,
        _values(member),
    )


def _whole(facts: Facts) -> Facts:
    return facts


def _words(conditions: tuple[Condition, ...]) -> str:
    """Conditions in words, e.g. `tools is true and difficulty at least 0.6`."""
    return " and ".join(_phrase(condition) for condition in conditions) or "always"


def _phrase(condition: Condition) -> str:
    if condition.fact == "any":
        return f"({condition.expected})"
    return condition.expected if condition.fact == "not" else f"{condition.fact} {condition.expected}"


def _values(conditions: tuple[Condition, ...]) -> Callable[[Facts], str]:
    """Shows the values that conditions read, e.g. `tools false, difficulty 0.2`."""
    shown = [("" if c.fact in ("any", "not") else f"{c.fact} ", c.read, c.show) for c in conditions]
    return lambda facts: ", ".join([prefix + show(read(facts)) for prefix, read, show in shown])
