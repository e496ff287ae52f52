"""Compiles `when` into closures. One evaluator serves both the verdict and its explanation."""

from __future__ import annotations

import fnmatch
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.decision import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from policies.facts import Facts
    from policies.model import Range, TimeWindow, When

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
_GLOBS = ("model", "key", "tenant")


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition. `passes` decides; `actual` only reads the value to show, on demand."""

    fact: str
    expected: str
    passes: Callable[[Facts], bool]
    actual: Callable[[Facts], str]

    def check(self, facts: Facts, *, passed: bool) -> Check:
        """The verdict `passed` of this condition as an explanation."""
        return Check(self.fact, self.expected, self.actual(facts), passed)


def compile_when(when: When) -> tuple[Condition, ...]:
    """Conditions that must all hold, cheap ones first; empty if `when` says nothing."""
    return tuple(_conditions(when))


def first_failure(conditions: tuple[Condition, ...], facts: Facts) -> int:
    """Index of the first condition that fails, or -1 when all hold."""
    for index, condition in enumerate(conditions):
        if not condition.passes(facts):
            return index
    return -1


def explain(conditions: tuple[Condition, ...], facts: Facts, failure: int) -> tuple[Check, ...]:
    """The checks that led to `failure` (from `first_failure`), the failed one last."""
    if failure < 0:
        return tuple([condition.check(facts, passed=True) for condition in conditions])
    return tuple([c.check(facts, passed=i < failure) for i, c in enumerate(conditions[: failure + 1])])


def glob_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether any glob matches the whole text, case-sensitively, in time linear in the text per wildcard.

    `fnmatch.translate` emits atomic groups, so a pattern with many stars cannot backtrack.
    """
    patterns = tuple(patterns)
    exact = frozenset(p for p in patterns if not re.search(r"[*?\[]", p))
    compiled = tuple(re.compile(fnmatch.translate(p)).match for p in patterns if p not in exact)
    if not compiled:
        return exact.__contains__
    if len(compiled) == 1 and not exact:
        match = compiled[0]
        return lambda text: match(text) is not None
    return lambda text: text in exact or any(match(text) for match in compiled)


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
            yield _flag(name, wanted)
    for name in _ENUMERATIONS:
        if (values := getattr(when, name)) is not None:
            yield _one_of(name, values)
    for name in _RANGES:
        if (limits := getattr(when, name)) is not None:
            yield _range(name, limits, _reader(name))
    for name in _GLOBS:
        if (patterns := getattr(when, name)) is not None:
            yield _glob(name, patterns, _reader(name))


def _keyed(when: When) -> Iterator[Condition]:
    """Conditions on an entry of a mapping."""
    for target, limits in (when.success or {}).items():
        yield _range(f"success.{target}", limits, _entry_reader("success", target))
    for key, patterns in (when.metadata or {}).items():
        yield _glob(f"metadata.{key}", patterns, _entry_reader("metadata", key))
    for key, patterns in (when.header or {}).items():
        yield _glob(f"header.{key.lower()}", patterns, _entry_reader("headers", key.lower()))


def _combinations(when: When) -> Iterator[Condition]:
    for member in when.all_ or ():
        yield from _conditions(member)
    if when.any_ is not None:
        yield _any([compile_when(member) for member in when.any_])
    if when.not_ is not None:
        yield _not(compile_when(when.not_))


def _reader(name: str) -> Callable[[Facts], object]:
    return operator.attrgetter(name)


def _entry_reader(mapping: str, key: str) -> Callable[[Facts], object]:
    def read(facts: Facts) -> object:
        entries: Mapping[str, object] = getattr(facts, mapping)
        return entries.get(key)

    return read


def _show(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flag(name: str, wanted: bool) -> Condition:
    read = _reader(name)
    return Condition(
        name,
        f"is {_show(wanted)}",
        lambda facts: bool(read(facts)) is wanted,
        lambda facts: _show(read(facts)),
    )


def _one_of(name: str, values: tuple[str, ...]) -> Condition:
    allowed = frozenset(values)
    read = _reader(name)
    return Condition(
        name, _alternatives(values), lambda facts: read(facts) in allowed, lambda facts: _show(read(facts))
    )


def _alternatives(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else "one of " + ", ".join(values)


def _range(name: str, limits: Range, read: Callable[[Facts], object]) -> Condition:
    low = float("-inf") if limits.at_least is None else limits.at_least
    over = limits.above
    high = float("inf") if limits.at_most is None else limits.at_most
    under = limits.below

    def passes(facts: Facts) -> bool:
        value = read(facts)
        if not isinstance(value, (int, float)):
            return False  # an unknown number satisfies no bound
        return low <= value <= high and (over is None or value > over) and (under is None or value < under)

    return Condition(name, _bounds(limits), passes, lambda facts: _show(read(facts)))


def _bounds(limits: Range) -> str:
    words = (
        ("at least", limits.at_least),
        ("above", limits.above),
        ("at most", limits.at_most),
        ("below", limits.below),
    )
    return " and ".join(f"{word} {value:g}" for word, value in words if value is not None)


def _glob(name: str, patterns: tuple[str, ...], read: Callable[[Facts], object]) -> Condition:
    matches = glob_matcher(patterns)

    def passes(facts: Facts) -> bool:
        value = read(facts)
        return isinstance(value, str) and matches(value)

    return Condition(name, _alternatives(patterns), passes, lambda facts: _show(read(facts)))


def _modalities(wanted: tuple[str, ...]) -> Condition:
    needed = frozenset(wanted)
    return Condition(
        "modalities",
        "contains " + ", ".join(wanted),
        lambda facts: needed <= facts.modalities,
        lambda facts: ", ".join(sorted(facts.modalities)),
    )


def _time(window: TimeWindow) -> Condition:
    start, end = _hours(window.start), _hours(window.end)

    def passes(facts: Facts) -> bool:
        hour = facts.hour_utc
        return start <= hour < end if start < end else hour >= start or hour < end

    return Condition(
        "time", f"from {window.start} to {window.end} UTC", passes, lambda facts: _clock(facts.hour_utc)
    )


def _hours(clock: str) -> float:
    hours, minutes = clock.split(":")
    return int(hours) + int(minutes) / 60


def _clock(hour: float) -> str:
    if not 0 <= hour < 24:
        return _show(hour)
    # A minute that has begun is shown as itself; the small term undoes the rounding of hours as a float.
    minutes = int(hour * 60 + 1e-6)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _any(members: list[tuple[Condition, ...]]) -> Condition:
    return Condition(
        "any",
        " or ".join(_words(member) for member in members),
        lambda facts: any(first_failure(member, facts) < 0 for member in members),
        lambda facts: ", ".join(_values(member, facts) for member in members if member),
    )


def _not(member: tuple[Condition, ...]) -> Condition:
    return Condition(
        "not",
        f"not ({_words(member)})",
        lambda facts: first_failure(member, facts) >= 0,
        lambda facts: _values(member, facts),
    )


def _words(conditions: tuple[Condition, ...]) -> str:
    """Conditions in words, e.g. `tools is true and difficulty at least 0.6`."""
    return " and ".join(_phrase(c) for c in conditions) or "always"


def _phrase(condition: Condition) -> str:
    if condition.fact in ("any", "not"):
        return f"({condition.expected})" if condition.fact == "any" else condition.expected
    return f"{condition.fact} {condition.expected}"


def _values(conditions: tuple[Condition, ...], facts: Facts) -> str:
    """The values that conditions read, e.g. `tools false, difficulty 0.2`."""
    return ", ".join(
        c.actual(facts) if c.fact in ("any", "not") else f"{c.fact} {c.actual(facts)}" for c in conditions
    )
