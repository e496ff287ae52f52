"""Sets of values that one fact may take. None stands for the empty set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from policies.reason.globs import common_text, is_literal, matches

if TYPE_CHECKING:
    from policies.model import Range
    from policies.reason.budget import Budget

Cut = tuple[float, int]
"""A place between numbers: (v, 0) lies just below v, and (v, 1) just above it."""
LOWEST: Cut = (-math.inf, 0)
HIGHEST: Cut = (math.inf, 1)


class Values(Protocol):
    """What a fact may be; never empty. Two sets of one fact are of one class."""

    def meet(self, other: Self, budget: Budget, /) -> Self | None:
        """The values in both, or None if surely there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Flags:
    """A subset of true and false."""

    true: bool = True
    false: bool = True

    def meet(self, other: Self, budget: Budget) -> Self | None:
        """The values in both, or None."""
        true, false = self.true and other.true, self.false and other.false
        return type(self)(true, false) if true or false else None


@dataclass(frozen=True, slots=True)
class Numbers:
    """A union of intervals, each from one cut to a higher one, in rising order; and perhaps no number at all."""

    spans: tuple[tuple[Cut, Cut], ...]
    absent: bool = False
    """Whether the fact may also be unknown."""

    def meet(self, other: Self, budget: Budget) -> Self | None:
        """The numbers in both, or None."""
        found = []
        for low, high in self.spans:
            for other_low, other_high in other.spans:
                start = low if low > other_low else other_low
                end = high if high < other_high else other_high
                if start < end:
                    found.append((start, end))
        absent = self.absent and other.absent
        return type(self)(tuple(found), absent) if found or absent else None

    @property
    def complement(self) -> Numbers | None:
        """Every other number, and the unknown one if it is not in here."""
        found, start = [], LOWEST
        for low, high in self.spans:
            if start < low:
                found.append((start, low))
            start = high
        if start < HIGHEST:
            found.append((start, HIGHEST))
        return Numbers(tuple(found), not self.absent) if found or not self.absent else None


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts that match one glob of each of `must` and none of `must_not`; and perhaps no text at all."""

    only: frozenset[str] | None = None
    """When given, these texts and no others: then there are no `must` and no `must_not`."""
    never: frozenset[str] = frozenset()
    must: frozenset[tuple[str, ...]] = frozenset()
    must_not: frozenset[str] = frozenset()
    absent: bool = False
    example: str | None = field(default=None, compare=False)
    """One of the texts, where one is known: while it stays in, no search for another is needed."""

    def meet(self, other: Self, budget: Budget) -> Self | None:
        """The texts in both, or None if surely there are none."""
        absent = self.absent and other.absent
        if self.only is not None or other.only is not None:
            few, rest = (self, other) if self.only is not None else (other, self)
            left = frozenset(filter(rest.has, few.only or ()))
            return type(self)(left, absent=absent) if left or absent else None
        never, must = self.never | other.never, self.must | other.must
        must_not = self.must_not | other.must_not
        budget.spend((len(never) + len(must_not)) // 16)
        if not must and not must_not:
            return type(self)(None, never, absent=absent)  # of infinitely many texts
        example = self._kept(other)
        if example is None and not absent:
            if any(must_not.union(never).issuperset(globs) for globs in must):
                return None
            example = common_text(tuple(must), (*never, *must_not), budget)
            if example is None:
                return None
        return type(self)(None, never, must, must_not, absent, example)

    def has(self, text: str) -> bool:
        """Whether this text is one of them."""
        if self.only is not None:
            return text in self.only
        if text in self.never or not all(matches(globs, text) for globs in self.must):
            return False
        return not any(matches((glob,), text) for glob in self.must_not)

    def _kept(self, other: Self) -> str | None:
        for one, rest in ((self, other), (other, self)):
            if one.example is not None and rest.has(one.example):
                return one.example
        return None


ANY_FLAG = Flags()
ANY_TEXT = Texts(absent=True)


def between(low: float, high: float, *, absent: bool = False) -> Numbers:
    """The numbers from `low` to `high`, both included."""
    return Numbers((((low, 0), (high, 1)),), absent)


def numbers(limits: Range, *, whole: bool = False) -> Numbers | None:
    """The numbers that meet every bound, or None; with `whole`, of the whole numbers."""
    low, high = LOWEST, HIGHEST
    if limits.at_least is not None:
        low = max(low, (math.ceil(limits.at_least) if whole else limits.at_least, 0))
    if limits.above is not None:
        low = max(low, (math.floor(limits.above) + 1, 0) if whole else (limits.above, 1))
    if limits.at_most is not None:
        high = min(high, (math.floor(limits.at_most) + 1, 0) if whole else (limits.at_most, 1))
    if limits.below is not None:
        high = min(high, (math.ceil(limits.below) if whole else limits.below, 0))
    return Numbers(((low, high),)) if low < high else None


def texts(globs: tuple[str, ...]) -> tuple[Texts, Texts]:
    """The texts that match one of `globs`, and all others with the absent one."""
    plain = frozenset(filter(is_literal, globs))
    wild = frozenset(globs) - plain
    others = Texts(never=plain, must_not=wild, absent=True)
    return Texts(must=frozenset([globs])) if wild else Texts(plain), others
