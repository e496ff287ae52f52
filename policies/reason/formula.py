"""Conditions as formulas over facts, in negation normal form.

Every fact is a variable of its own; facts that depend on each other in truth are taken as independent, which
only ever makes more requests thinkable. What this module does not know is a variable too, true or false.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from policies.conditions import hour_of
from policies.model import Range, TimeWindow, When
from policies.reason.sets import Flags, Numbers, Texts, numbers, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.reason.sets import Values

NAMES = ("task", "domain", "language")
TEXTS = ("model", "key", "tenant", "metadata", "header")
COUNTS = ("tokens", "max_output_tokens")
FLAGS = ("tools", "json_schema", "stream")
UNKNOWN = "?"
"""Begins the name of a variable that stands for a condition of another kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """One fact and the values with which it holds. `fails` are all other values of the fact."""

    fact: str
    holds: Values
    fails: Values


@dataclass(frozen=True, slots=True, eq=False)
class All:
    """Holds when every part does; without parts it always holds."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """Holds when at least one part does; without parts it never holds."""

    parts: tuple[Formula, ...]


Formula: TypeAlias = Literal | All | Some
ALWAYS = All(())
NEVER = Some(())


def formula(when: When) -> Formula:
    """When `when` holds."""
    return All(tuple(part for _, part in parts(when)))


def parts(when: When) -> Iterator[tuple[str, Formula]]:
    """Each key of `when` that says something, with the formula of what it says."""
    for name in type(when).model_fields:
        value = getattr(when, name)
        if value is not None:
            yield name.rstrip("_"), _read(name.rstrip("_"), value)


def literal(fact: str, holds: Values | None, fails: Values | None) -> Formula:
    """Holds when `fact` is in `holds`; None is the empty set."""
    if holds is None:
        return NEVER
    return ALWAYS if fails is None else Literal(fact, holds, fails)


def negation(of: Formula) -> Formula:
    """Holds exactly when `of` does not."""
    if isinstance(of, Literal):
        return Literal(of.fact, of.fails, of.holds)
    negated = tuple(negation(part) for part in of.parts)
    return Some(negated) if isinstance(of, All) else All(negated)


def matching(fact: str, wanted: tuple[object, ...]) -> Formula:
    """Holds when the text of `fact` matches one of the globs or patterns `wanted`.

    What a regular expression matches is not worked out: it may match or not.
    """
    globs = tuple(glob for glob in wanted if isinstance(glob, str))
    others: list[Formula] = [_unknown(fact, match) for match in wanted if not isinstance(match, str)]
    if globs:
        holds, fails = _texts(globs)
        others.append(Literal(fact, holds, fails))
    return others[0] if len(others) == 1 else Some(tuple(others))


def exactly(fact: str, names: Iterable[str]) -> Literal:
    """Holds when the text of `fact` is one of `names`; unlike a glob, a name may hold a star."""
    known = frozenset(names)
    return Literal(fact, Texts(known), Texts(never=known, absent=True))


def _read(name: str, value: object) -> Formula:
    match name, value:
        case "all", tuple():
            return All(tuple(formula(member) for member in value))
        case "any", tuple():
            return Some(tuple(formula(member) for member in value))
        case "not", When():
            return negation(formula(value))
        case "time", TimeWindow():
            return _time(value)
        case "modalities", tuple():
            return All(tuple(flag(f"modalities.{wanted}") for wanted in value))
        case (("success" | "metadata" | "header"), dict()):
            keyed = value.items() if name != "header" else ((k.lower(), v) for k, v in value.items())
            return All(tuple(_fact(f"{name}.{key}", entry) for key, entry in keyed))
    return _fact(name, value)


def _fact(fact: str, value: object) -> Formula:
    """A condition on one fact; its kind is known by the form of the value."""
    if isinstance(value, bool) and fact in FLAGS:
        return flag(fact, value)
    if isinstance(value, Range) and all(_is_number(bound) for _, bound in value):
        holds = numbers(value, whole=fact in COUNTS)
        return literal(fact, holds, holds and holds.complement)
    if isinstance(value, tuple) and fact in NAMES:
        return exactly(fact, value)
    if isinstance(value, tuple) and fact.partition(".")[0] in TEXTS:
        return matching(fact, value)
    return _unknown(fact, value)


def _time(window: TimeWindow) -> Formula:
    start, end = hour_of(window.start), hour_of(window.end)
    if start < end:
        holds = Numbers((((start, 0), (end, 0)),))
    else:
        holds = Numbers((((0.0, 0), (end, 0)), ((start, 0), (24.0, 0))))
    return literal("time", holds, holds.complement)


def flag(fact: str, wanted: bool = True) -> Literal:
    """Holds when a fact that is true or false is `wanted`."""
    return Literal(fact, Flags(wanted, not wanted), Flags(not wanted, wanted))


def _unknown(name: str, value: object) -> Formula:
    """A condition that may hold or not; where the very same stands twice, it has one answer a request."""
    return flag(f"{UNKNOWN}{name}={value!r}")


def _is_number(bound: object) -> bool:
    return bound is None or isinstance(bound, (int, float))


_texts = lru_cache(maxsize=4096)(texts)
