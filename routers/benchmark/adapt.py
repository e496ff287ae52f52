"""A small head fitted to some labelled rows of the benchmark itself, to be tested on the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark.baselines import normalised
from routers.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.benchmark.files import Benchmark

    Floats = NDArray[np.float64]

PENALTIES: Final = tuple(float(penalty) for penalty in np.logspace(-1, 6, 22))
_FEWEST: Final = 10
"""Rows that either side of the split must have."""


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the rows to learn from and of those to test on; no prompt is on both sides."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def split(benchmark: Benchmark, labelled: int, *, seed: int) -> Split:
    """`labelled` random rows to learn from; the rest, less copies of these, to test on. Raises `BenchmarkError`."""
    rows = len(benchmark.prompts)
    if labelled < _FEWEST or rows - labelled < _FEWEST:
        raise BenchmarkError(
            f"of {rows} rows, {_FEWEST} to {rows - _FEWEST} can be learnt from, not {labelled}"
        )
    order = np.random.default_rng(seed).permutation(rows)
    train, rest = np.sort(order[:labelled]), np.sort(order[labelled:])
    seen = {normalised(benchmark.prompts[i]) for i in train}
    test = np.array([i for i in rest if normalised(benchmark.prompts[i]) not in seen], dtype=np.intp)
    if len(test) < _FEWEST:
        raise BenchmarkError(f"only {len(test)} prompts are not among the {labelled} learnt from")
    return Split(train=train, test=test)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear estimate of the gain."""

    mean: Floats
    deviation: Floats
    weight: Floats
    intercept: float

    def __call__(self, vectors: Floats) -> Floats:
        """Expected gain of each row, shape (rows,)."""
        return np.asarray((vectors - self.mean) / self.deviation @ self.weight + self.intercept)


def fit(vectors: Floats, gain: Floats) -> Head:
    """Ridge regression of the gain, shape (rows,), on `vectors`, shape (rows, width).

    The best order of rows is that of their expected gain, and least squares estimates just this for graded and
    for right-or-wrong outcomes alike. The penalty is the one of `PENALTIES` with the least leave-one-out error,
    in closed form; only the rows given are looked at.
    """
    mean, deviation = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
    left, singular, right = np.linalg.svd((vectors - mean) / deviation, full_matrices=False)
    intercept = float(gain.mean())
    centred = gain - intercept
    projected = left.T @ centred
    penalty = min(PENALTIES, key=lambda value: _left_out_error(left, singular, projected, centred, value))
    weight = right.T @ (singular / (singular**2 + penalty) * projected)
    return Head(mean=mean, deviation=deviation, weight=weight, intercept=intercept)


def _left_out_error(
    left: Floats, singular: Floats, projected: Floats, centred: Floats, penalty: float
) -> float:
    """Mean squared error on each row of the fit to all the others (the PRESS statistic over rows)."""
    shrink = singular**2 / (singular**2 + penalty)
    residual = centred - left @ (shrink * projected)
    leverage = (left**2 * shrink).sum(axis=1) + 1 / len(centred)
    return float(np.mean((residual / np.maximum(1 - leverage, 1e-9)) ** 2))
