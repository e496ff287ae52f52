"""What a change of route is worth, from traffic that another policy routed: estimators and their intervals.

Each row has its outcome r, the weight w = 1{the new route is the one taken} / propensity, and a model's prediction q
of the outcome on the new route. With n rows the change of the mean outcome is estimated by

    IPS     sum(w r - r) / n                      Horvitz and Thompson 1952
    SNIPS   sum(w r) / sum(w) - mean(r)           Hájek 1971; Swaminathan and Joachims 2015
    DR      sum(q + w (r - q) - r) / n            Dudík, Langford and Li 2011

IPS and SNIPS run over the rows whose route was drawn; the others have no overlap (w is 0 whatever is drawn) or no
change (w is 1). DR runs over all: a row whose new route nobody could have taken rests on the model alone.
The effective sample size is (sum w)^2 / sum w^2 (Kish 1965). The mean of w estimates the share of drawn rows whose new
route could have been drawn.

Intervals are 95 %, bias-corrected and accelerated (BCa, Efron 1987), over resampled blocks of rows; rows of one unit
of randomisation, such as a session, share a block. Every figure is a function of sums over blocks, so a resample is
one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Statistic = Callable[[Floats], Floats]
    """From sums of shape (k, columns) to figures of shape (k,)."""

CONFIDENCE: Final = 0.95
DRAWS: Final = 2_000
MAX_BLOCKS: Final = 2_000
_ALL, _R, _N_DRAWN, _R_DRAWN, _W, _WR, _WW, _FIXED, _CELLS = range(9)
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One outcome over n rows; every array has shape (n,)."""

    outcome: Floats
    weight: Floats
    drawn: NDArray[np.bool_]
    """Whether an experiment drew the route, so that another could have been taken."""
    model: Floats
    """The prediction for the new route; not read where `cell` is 0 or more."""
    cell: Ints
    """Which mean of measured outcomes predicts the new route instead; -1 for none."""
    own_cell: Ints
    """Which of these means the row's own outcome is part of; -1 for none."""
    unit: Ints
    """Rows of one unit are resampled together."""

    def where(self, chosen: NDArray[np.bool_]) -> Sample:
        """The rows that `chosen`, shape (n,), names."""
        return Sample(
            self.outcome[chosen],
            self.weight[chosen],
            self.drawn[chosen],
            self.model[chosen],
            self.cell[chosen],
            self.own_cell[chosen],
            self.unit[chosen],
        )


class Sums:
    """Sums over blocks of rows, shape (blocks, columns), from which every figure is computed."""

    def __init__(self, sample: Sample, *, seed: int, draws: int = DRAWS) -> None:
        self._cells = int(max(sample.cell.max(initial=-1), sample.own_cell.max(initial=-1))) + 1
        block, self.blocks = _blocks(sample.unit, seed)
        r, w, drawn = sample.outcome, sample.weight, sample.drawn
        fixed = np.where(sample.cell < 0, (1 - w) * np.where(w == 1, 0.0, sample.model), 0.0) - (1 - w) * r
        columns = [np.ones_like(r), r, drawn, drawn * r, drawn * w, drawn * w * r, drawn * w * w, fixed]
        self._by_block = np.column_stack(
            [np.bincount(block, column, self.blocks) for column in columns]
            + [self._in_cells(block, cell, values) for cell, values in (
                (sample.cell, 1 - w), (sample.own_cell, r), (sample.own_cell, np.ones_like(r)))]
        )  # fmt: skip
        self.total = self._by_block.sum(axis=0)
        self._draws: Floats | None = None
        self._seed, self._resamples = seed, draws

    def _in_cells(self, block: Ints, cell: Ints, values: Floats) -> Floats:
        """Sums of `values` by block and cell, shape (blocks, cells)."""
        inside = cell >= 0
        flat = np.bincount(
            block[inside] * self._cells + cell[inside], values[inside], self.blocks * self._cells
        )
        return np.asarray(flat.reshape(self.blocks, self._cells), dtype=np.float64)

    def estimate(self, statistic: Statistic) -> Estimate:
        """The figure over all rows with its interval."""
        value = float(statistic(self.total[None])[0])
        draws = statistic(self._resampled())
        left_out = statistic(self.total - self._by_block)
        return Estimate(value, *_bca(value, draws[np.isfinite(draws)], left_out[np.isfinite(left_out)]))

    def _resampled(self) -> Floats:
        """Sums over blocks drawn with replacement, shape (draws, columns); drawn once for all figures."""
        if self._draws is None:
            shape = (self._resamples, self.blocks)
            drawn = np.random.default_rng(self._seed).integers(0, self.blocks, shape, dtype=np.int64)
            drawn += np.arange(self._resamples)[:, None] * self.blocks
            counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(shape)
            self._draws = np.asarray(counts.astype(np.float64) @ self._by_block, dtype=np.float64)
        return self._draws

    def ips(self, sums: Floats) -> Floats:
        """Change of the mean outcome over all rows by Horvitz-Thompson."""
        return (sums[:, _WR] - sums[:, _R_DRAWN]) / sums[:, _ALL]

    def snips(self, sums: Floats) -> Floats:
        """The same, self-normalised over the drawn rows."""
        with np.errstate(invalid="ignore", divide="ignore"):
            new = sums[:, _WR] / sums[:, _W] * sums[:, _N_DRAWN]
        return (new - sums[:, _R_DRAWN]) / sums[:, _ALL]

    def dr(self, sums: Floats) -> Floats:
        """Change of the mean outcome over all rows, doubly robust; the means of cells are those of the resample."""
        needed, total, count = np.split(sums[:, _CELLS:], 3, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(count > 0, total / count, self._cell_means())
        modelled = np.where(needed != 0, needed * means, 0.0).sum(axis=1)
        return np.asarray((sums[:, _FIXED] + modelled) / sums[:, _ALL])

    def mean(self, sums: Floats) -> Floats:
        """The mean outcome as it was."""
        return sums[:, _R] / sums[:, _ALL]

    def overlap(self, sums: Floats) -> Floats:
        """The mean weight of drawn rows: the share whose new route could have been drawn."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, _W] / sums[:, _N_DRAWN]

    @property
    def effective(self) -> float:
        """Effective sample size of the drawn rows."""
        squared = float(self.total[_WW])
        return float(self.total[_W]) ** 2 / squared if squared else 0.0

    @property
    def drawn(self) -> int:
        """Rows whose route was drawn."""
        return int(self.total[_N_DRAWN])

    def _cell_means(self) -> Floats:
        _, total, count = np.split(self.total[_CELLS:], 3)
        return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0))


def _blocks(unit: Ints, seed: int) -> tuple[Ints, int]:
    """A block for each row, and how many blocks there are: one a unit, or units shared out at random."""
    _, index = np.unique(unit, return_inverse=True)
    units = int(index.max(initial=-1)) + 1
    if units <= MAX_BLOCKS:
        return index, units
    order = np.random.default_rng(seed).permutation(units)
    return order[index] % MAX_BLOCKS, MAX_BLOCKS


def _bca(value: float, draws: Floats, left_out: Floats) -> tuple[float, float]:
    """Ends of the interval: quantiles of `draws`, moved for bias and skewness."""
    if not len(draws) or np.ptp(draws) == 0:
        return value, value
    below = float((draws < value).mean() + (draws == value).mean() / 2)
    bias = _NORMAL.inv_cdf(min(max(below, 1 / len(draws)), 1 - 1 / len(draws)))
    away = left_out.mean() - left_out
    spread = float((away**2).sum()) ** 1.5
    skew = float((away**3).sum()) / (6 * spread) if spread else 0.0
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [_moved(p, bias, skew) for p in (tail, 1 - tail)])
    return float(low), float(high)


def _moved(probability: float, bias: float, skew: float) -> float:
    z = bias + _NORMAL.inv_cdf(probability)
    return _NORMAL.cdf(bias + z / max(1 - skew * z, 0.1))
