"""The engine as one would write it first: it walks the policy's models for every request. The measure of the real one.

It decides by the same rules for requests that name no model, and always says why in words. `forbid` of rules that come
later, experiments, chains and the rest are left out, which only makes it faster.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.facts import Facts
    from policies.model import Match, Policy, Range, When

Words = list[tuple[str, list[str]]]
"""Each rule that was looked at, and what was found about its conditions."""


def naive(policy: Policy, facts: Facts) -> tuple[str, Words]:
    """The rule that decides for `auto`, or `default`, and why."""
    considered: Words = []
    for rule in policy.rules:
        words: list[str] = []
        matched = True
        for name, held in _conditions(rule.when, facts):
            words.append(f"{name}: {'holds' if held else 'fails'}")
            if not held:
                matched = False
                break
        considered.append((rule.id, words))
        if matched:
            return rule.id, considered
    return "default", considered


def _conditions(when: When, facts: Facts) -> Iterator[tuple[str, bool]]:
    """Each key that is given, in words, and whether it holds."""
    for name in type(when).model_fields:
        wanted = getattr(when, name)
        if wanted is not None:
            yield f"{name.rstrip('_')} {wanted}", _holds(name, wanted, facts)


def _holds(name: str, wanted: object, facts: Facts) -> bool:
    if name in ("all_", "any_"):
        members = [all(held for _, held in _conditions(member, facts)) for member in _sequence(wanted)]
        return all(members) if name == "all_" else any(members)
    if name == "not_":
        return not all(held for _, held in _conditions(wanted, facts))  # type: ignore[arg-type]  # `not` is a `When`
    if name in ("success", "metadata", "header"):
        entries = facts.headers if name == "header" else getattr(facts, name)
        return all(
            _value(entry, entries.get(key.lower() if name == "header" else key))
            for key, entry in dict(wanted).items()  # type: ignore[call-overload]  # these keys hold mappings
        )
    if name == "time":
        return _within(facts.hour_utc, wanted.start, wanted.end)  # type: ignore[attr-defined]  # `time` is a window
    if name == "modalities":
        return set(_sequence(wanted)) <= facts.modalities
    if name in ("task", "domain", "language"):
        return getattr(facts, name) in _sequence(wanted)
    return _value(wanted, getattr(facts, name))


def _sequence(value: object) -> tuple[When, ...]:
    return value if isinstance(value, tuple) else ()


def _value(wanted: object, value: object) -> bool:
    """Whether one value meets a flag, a range, or one of several globs and patterns."""
    if value is None:
        return False
    if isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, tuple):
        return any(_matches(match, str(value)) for match in wanted)
    return _in_range(wanted, value)  # type: ignore[arg-type]  # what is left is a range on a number


def _in_range(limits: Range, value: float) -> bool:
    return (
        (limits.at_least is None or value >= limits.at_least)
        and (limits.above is None or value > limits.above)
        and (limits.at_most is None or value <= limits.at_most)
        and (limits.below is None or value < limits.below)
    )


def _matches(match: Match, text: str) -> bool:
    if isinstance(match, str):
        return fnmatch.fnmatchcase(text, match)
    return re.fullmatch(match.pattern, text) is not None


def _within(hour: float, start: str, end: str) -> bool:
    begin, stop = (int(clock[:2]) + int(clock[3:]) / 60 for clock in (start, end))
    return begin <= hour < stop if begin < stop else hour >= begin or hour < stop
