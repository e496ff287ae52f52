"""Figures of merit for classifiers and routers, with bootstrap intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 over the classes that occur in `truth`."""
    y, p = np.asarray(truth), np.asarray(predicted)
    scores = []
    for label in np.unique(y):
        hits = np.sum((y == label) & (p == label))
        scores.append(2 * hits / (np.sum(y == label) + np.sum(p == label)))
    return float(np.mean(scores))


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve by ranks, ties counted half; NaN when one class is missing."""
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    if y.all() or not y.any():
        return float("nan")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    wins = ranks[y].sum() - y.sum() * (y.sum() + 1) / 2
    return float(wins / (y.sum() * (~y).sum()))


def apgr(scores: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> float:
    """Average performance gap recovered (Ong et al., arXiv 2406.18665).

    The area under gap recovered against share of strong calls, when requests go to the strong model in
    order of falling `scores`; 0.5 for a random order.

    NaN when the strong model is not better on these requests.
    """
    s = np.asarray(scores, dtype=np.float64)
    gain = np.asarray(strong, dtype=np.float64) - np.asarray(weak, dtype=np.float64)
    total = gain.sum()
    if total <= 0:
        return float("nan")
    _, inverse, counts = np.unique(-s, return_inverse=True, return_counts=True)
    tied = np.bincount(inverse, weights=gain) / counts  # requests of equal score share their mean gain
    recovered = np.concatenate([[0.0], np.cumsum(np.repeat(tied, counts))]) / total
    return float(np.mean((recovered[1:] + recovered[:-1]) / 2))


def recall_at(scores: ArrayLike, positive: ArrayLike, *, false_positive_rate: float) -> tuple[float, float]:
    """(recall, threshold) where at most this share of negatives scores at or above the threshold."""
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    negatives = np.sort(s[~y])
    allowed = int(false_positive_rate * len(negatives))
    threshold = float(np.nextafter(negatives[len(negatives) - 1 - allowed], np.inf))
    return float(np.mean(s[y] >= threshold)), threshold


def bootstrap(
    statistic: Callable[[NDArray[np.integer]], float], size: int, *, draws: int = 500, seed: int = 0
) -> tuple[float, float, float]:
    """(value, lower, upper): the statistic of all rows and its 95 % interval over resampled rows."""
    rng = np.random.default_rng(seed)
    values = [statistic(rng.integers(0, size, size)) for _ in range(draws)]
    lower, upper = np.nanpercentile(values, [2.5, 97.5])
    return statistic(np.arange(size)), float(lower), float(upper)
