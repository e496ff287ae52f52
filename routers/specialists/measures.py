"""Figures for a classifier: accuracy with an interval, macro F1, calibration error, temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def softmax(logits: Floats) -> Floats:
    """Return the probabilities of logits of shape (rows, labels)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def bootstrap_interval(correct: Floats, *, rounds: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `correct` (rows resampled)."""
    draw = np.random.default_rng(seed)
    means = correct[draw.integers(0, len(correct), size=(rounds, len(correct)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probabilities: Floats, truth: Ints, *, bins: int = 15) -> float:
    """Return the expected calibration error of the top label over equal-width bins (Guo et al. 2017)."""
    return confidence_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth, bins=bins)


def confidence_error(confidence: Floats, correct: NDArray[np.bool_], *, bins: int = 15) -> float:
    """Return the expected calibration error of single confidences in 0-1, over equal-width bins."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        rows = index == b
        if rows.any():
            error += rows.mean() * abs(correct[rows].mean() - confidence[rows].mean())
    return float(error)


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """Return the temperature in 0.25-10 that minimises the log loss of `logits / temperature`."""
    grid = np.exp(np.linspace(np.log(0.25), np.log(10.0), 400))
    rows = np.arange(len(truth))
    losses = [-np.log(np.clip(softmax(logits / t)[rows, truth], 1e-12, None)).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def macro_f1(predicted: Ints, truth: Ints, labels: int) -> float:
    """Return the unweighted mean of the F1 of each label that occurs in truth or prediction."""
    scores = []
    for label in range(labels):
        hit = int(((predicted == label) & (truth == label)).sum())
        size = int((predicted == label).sum() + (truth == label).sum())
        if size:
            scores.append(2 * hit / size)
    return float(np.mean(scores))


def risk_coverage(probabilities: Floats, truth: Ints, shares: tuple[float, ...]) -> dict[str, float]:
    """Return the accuracy on the most confident share of the rows, for each share."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    correct = (probabilities.argmax(axis=1) == truth)[order]
    return {f"{share:g}": float(correct[: max(1, round(share * len(order)))].mean()) for share in shares}


def span_f1(counts: Ints) -> tuple[float, float, float]:
    """Return precision, recall and F1 of counts of shape (texts, 3): spans hit, spans found, spans true."""
    hit, found, true = (int(value) for value in counts.sum(axis=0))
    precision, recall = hit / found if found else 0.0, hit / true if true else 0.0
    return precision, recall, 2 * hit / (found + true) if found + true else 0.0


def span_f1_interval(counts: Ints, *, rounds: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of F1, texts resampled."""
    draw = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        hit, found, true = counts[draw.integers(0, len(counts), size=len(counts))].sum(axis=0)
        values.append(2 * hit / (found + true) if found + true else 0.0)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
