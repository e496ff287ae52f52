"""Confidence sequences for pairs: two targets that answered the same request, so that requests cancel out.

A shadow gets a request that was answered by another target, drawn with one probability for all. The mean over pairs is
the mean over requests; there is no assignment to weigh. What `sequential` says of validity at all times holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gateway.experiments.sequential import Mixture, Wealth, payoffs

if TYPE_CHECKING:
    from gateway.experiments.centring import Floats
    from gateway.experiments.sequential import Interval

_FEWEST = 100  # pairs before the normal approximation is used, as for arms
_TIGHTEST = 500.0


class Pairs:
    """How many pairs there are, and the means of both sides."""

    def __init__(self) -> None:
        self.count = 0
        self._sums = np.zeros(2)

    def take(self, control: Floats, treatment: Floats) -> None:
        """Count pairs."""
        self.count += len(control)
        self._sums += (float(control.sum()), float(treatment.sum()))

    def means(self) -> tuple[float | None, float | None]:
        """Mean of control and treatment; None before the first pair."""
        if not self.count:
            return None, None
        control, treatment = (float(total) / self.count for total in self._sums)
        return control, treatment


class PairedBetting:
    """For sides in [0, 1]: the mean of treatment minus control, by betting, with no approximation."""

    def __init__(self) -> None:
        self.pairs = Pairs()
        self._wealth = Wealth()

    def fold(self, control: Floats, treatment: Floats) -> None:
        """Take in pairs in the order in which they ended."""
        self.pairs.take(control, treatment)
        terms, counts = np.unique(treatment - control, return_counts=True)
        bound = np.ones((len(terms), 1))
        self._wealth.grow(counts, payoffs(terms, -bound, bound, bound, self._wealth.effects))

    def interval(self, confidence: float) -> Interval | None:
        """The effect so far; None before the first pair."""
        return self._wealth.interval(confidence) if self.pairs.count else None


class PairedMixture:
    """For money and time: the mean difference in the limit of large samples; silent below 100 pairs."""

    def __init__(self) -> None:
        self.pairs = Pairs()
        self._mixture = Mixture()
        self._mixture.tune(_TIGHTEST)

    def fold(self, control: Floats, treatment: Floats) -> None:
        """Take in pairs in the order in which they ended."""
        self.pairs.take(control, treatment)
        self._mixture.grow(treatment - control)

    def interval(self, confidence: float) -> Interval | None:
        """The effect so far; None while too little is known."""
        return self._mixture.interval(confidence) if self.pairs.count >= _FEWEST else None
