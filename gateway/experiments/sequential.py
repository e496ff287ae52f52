"""Confidence sequences for the effect of a treatment: intervals that hold at all times at once.

However often one looks, and whatever one decides by looking, the chance that the interval ever excludes the effect
is at most `1 - confidence`. A fixed-sample interval that is looked at again and again has no such bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from gateway.experiments.centring import Centring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gateway.experiments.centring import Block, Bools, Floats

_STAKES = np.geomspace(0.02, 16.0, 8)
"""Fixed bets that are mixed, in units of p(1 - p): from effects of a hundredth to arms that fail altogether."""
_MOST = 0.9  # of the stake at which one outcome could ruin: wealth stays positive
_STEPS = ((1.0, 0.05), (0.3, 0.01), (0.05, 0.002))  # candidates are denser around no effect
_AT_ONCE = 64  # bounds the memory of one bet
_FEWEST = 100  # outcomes an arm needs before the normal approximation is used


@dataclass(frozen=True, slots=True)
class Interval:
    """Treatment minus control, in the unit of the outcome."""

    low: float
    high: float


class ConfidenceSequence(Protocol):
    """An anytime-valid interval that grows with outcomes."""

    arms: Centring

    def fold(self, outcome: Floats, treated: Bools, propensity: Floats) -> None:
        """Take in outcomes in the order in which they ended; `propensity` is that of the treatment, in (0, 1)."""
        ...

    def interval(self, confidence: float) -> Interval | None:
        """The effect so far; None while too little is known."""
        ...


class BettingSequence:
    """For outcomes in [0, 1], with no approximation: a bettor against each candidate effect.

    Against "the effect is at most d" one stakes a share of the wealth on terms above d. If the claim holds, the wealth
    is a non-negative supermartingale and reaches `1/a` with probability `a` at most (Ville). Wealth is averaged over
    fixed stakes; the interval is what has not been rejected at `a = (1 - confidence)/2` in either direction.
    Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B, 2023), on terms of
    `centring`; the claim may be read as "at every time", so no drift of the effect can break it.
    """

    def __init__(self, candidates: Sequence[float] = ()) -> None:
        """`candidates` are effects that the interval must be able to end at exactly, such as a margin."""
        self.arms = Centring()
        self._wealth = Wealth(candidates)

    def fold(self, outcome: Floats, treated: Bools, propensity: Floats) -> None:
        for block in self.arms.blocks(outcome, treated, propensity):
            self._bet(block)

    def interval(self, confidence: float) -> Interval | None:
        return self._wealth.interval(confidence) if self.arms.counts.all() else None

    def _bet(self, block: Block) -> None:
        """Outcomes that are equal in everything pay the same: a block costs by its different outcomes."""
        for p in np.unique(block.propensity):
            chosen = block.propensity == p
            # An outcome lies in 0..1, so that adding 2 for a treatment makes one number of both.
            keys, first, counts = np.unique(
                block.outcome[chosen] + 2.0 * block.treated[chosen], return_index=True, return_counts=True
            )
            for start in range(0, len(keys), _AT_ONCE):
                part = first[start : start + _AT_ONCE]
                paid = log_payoffs(block.at(np.flatnonzero(chosen)[part]), self._wealth.effects)
                self._wealth.grow(counts[start : start + _AT_ONCE], paid)


class Wealth:
    """What bettors against each candidate effect have made of one unit."""

    def __init__(self, candidates: Sequence[float] = ()) -> None:
        """See `BettingSequence`."""
        self.effects = _grid(candidates)
        self._log_wealth = np.zeros((2, len(_STAKES), len(self.effects)))

    def grow(self, counts: NDArray[np.intp], paid: Floats) -> None:
        """Take in terms that came `counts` times and pay `paid`, as `payoffs` says."""
        self._log_wealth += np.tensordot(counts, paid, 1)

    def interval(self, confidence: float) -> Interval:
        """The effects that are not rejected."""
        threshold = math.log(2.0 / (1.0 - confidence))
        evidence = np.logaddexp.reduce(self._log_wealth, axis=1) - math.log(len(_STAKES))
        above, below = evidence[0] >= threshold, evidence[1, ::-1] >= threshold
        # Counted from the outside and without a gap: then one true claim alone can be rejected wrongly.
        low = int(np.argmin(above))
        high = len(self.effects) - 1 - int(np.argmin(below))
        return Interval(
            float(self.effects[max(0, low - 1)]), float(self.effects[min(len(below) - 1, high + 1)])
        )


def log_payoffs(block: Block, effects: Floats) -> Floats:
    """By how much each outcome moves the log wealth: (outcomes, 2 directions, stakes, effects).

    Direction 0 bets that the effect is larger than a candidate, direction 1 that it is smaller.
    """
    p, centre = block.propensity[:, None], block.centre[:, None]
    largest = np.maximum((1.0 - centre) / p, centre / (1.0 - p))
    smallest = -np.maximum(centre / p, (1.0 - centre) / (1.0 - p))
    return payoffs(block.psi, smallest, largest, p * (1.0 - p), effects)


def payoffs(terms: Floats, smallest: Floats, largest: Floats, scale: Floats, effects: Floats) -> Floats:
    """The same for terms (n,) within the bounds (n, 1); stakes are in units of `scale` (n, 1)."""
    room = np.stack([effects - smallest, largest - effects], axis=1)
    limit = _MOST / np.maximum(room, 1e-9)
    stakes = _STAKES[None, :] * scale
    excess = terms[:, None] - effects
    staked = np.minimum(stakes[:, None, :, None], limit[:, :, None, :])
    return np.log1p(staked * np.stack([excess, -excess], axis=1)[:, :, None, :])


class AsymptoticSequence:
    """For outcomes without a known bound (money, time): the normal mixture of Robbins with an estimated variance.

    Valid in the limit of large samples, at all times from then on (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024, theorem 2.2);
    silent until both arms have 100 outcomes. Tightest around 500 outcomes of the smaller arm.
    """

    def __init__(self) -> None:
        self.arms = Centring()
        self._mixture = Mixture()

    def fold(self, outcome: Floats, treated: Bools, propensity: Floats) -> None:
        if len(propensity):
            self._mixture.tune(500.0 / float(min(propensity[0], 1.0 - propensity[0])))
        for block in self.arms.blocks(outcome, treated, propensity):
            self._mixture.grow(block.psi)

    def interval(self, confidence: float) -> Interval | None:
        if self.arms.counts.min() < _FEWEST:
            return None
        return self._mixture.interval(confidence)


class Mixture:
    """Sums of terms, and the asymptotic sequence of their mean."""

    def __init__(self) -> None:
        self.count, self._sum, self._squares = 0, 0.0, 0.0
        self._rho2 = 0.0

    def tune(self, tightest: float) -> None:
        """Make it tightest around that many terms; only before the first of them."""
        if self._rho2 == 0.0:
            bound = -2.0 * math.log(0.05)
            self._rho2 = (bound + math.log(bound) + 1.0) / tightest

    def grow(self, terms: Floats) -> None:
        """Take in terms."""
        self.count += len(terms)
        self._sum += float(terms.sum())
        self._squares += float(np.square(terms).sum())

    def interval(self, confidence: float) -> Interval:
        """Of the mean; there must be a term."""
        n = float(self.count)
        mean = self._sum / n
        variance = max(0.0, self._squares / n - mean * mean)
        grown = n * self._rho2 + 1.0
        scale = 2.0 * grown / (n * n * self._rho2) * math.log(math.sqrt(grown) / (1.0 - confidence))
        radius = math.sqrt(variance * scale)
        return Interval(mean - radius, mean + radius)


def _grid(candidates: Sequence[float]) -> Floats:
    """Effects in -1..1, ascending, with every one of `candidates` among them."""
    parts = [np.linspace(-end, end, round(2 * end / step) + 1) for end, step in _STEPS]
    return np.unique(np.round(np.concatenate([*parts, np.array(candidates, dtype=np.float64)]), 9))
