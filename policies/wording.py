"""Conditions and values in the words of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.model import Pattern

if TYPE_CHECKING:
    from policies.model import Match, Range


def bounds(limits: Range) -> str:
    """An interval, e.g. `at least 0.2 and below 0.6`."""
    words = (
        ("at least", limits.at_least),
        ("above", limits.above),
        ("at most", limits.at_most),
        ("below", limits.below),
    )
    return " and ".join(f"{word} {value:g}" for word, value in words if value is not None)


def matching(wanted: tuple[Match, ...]) -> str:
    """Globs and patterns, e.g. `one of gpt-*, pattern claude-[0-9]+`."""
    return alternatives(tuple(f"pattern {m.pattern}" if isinstance(m, Pattern) else m for m in wanted))


def alternatives(values: tuple[str, ...]) -> str:
    """One value, or `one of` several."""
    return values[0] if len(values) == 1 else "one of " + ", ".join(values)


def yes_no(value: bool) -> str:
    """A flag as YAML writes it."""
    return "true" if value else "false"


def number(value: float | None) -> str:
    """A number with four digits; None is `unknown`."""
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def clock(hour: float) -> str:
    """Hours of the day as a fraction, e.g. 22.25 as `22:15`."""
    if not 0 <= hour < 24:
        return number(hour)
    # A minute that has begun is shown as itself; the small term undoes the rounding of hours as a float.
    minutes = int(hour * 60 + 1e-6)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
