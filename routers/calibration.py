"""Makes confidences mean what they say, and measures how far they are from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from routers.ability import sigmoid
from routers.heads import softmax

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Platt:
    """Probability of a binary event: sigmoid(slope * logit + offset), monotone as the slope is positive."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, logit: float) -> float:
        """Calibrated probability of one logit."""
        return 0.5 * (1.0 + math.tanh(0.5 * (self.slope * logit + self.offset)))

    def many(self, logits: Array) -> Array:
        """Calibrated probabilities of many logits."""
        return sigmoid(self.slope * logits + self.offset)


def fit_temperature(logits: Array, labels: NDArray[np.integer]) -> float:
    """The temperature that minimises the log loss of softmax(logits / temperature) (Guo et al. 2017)."""
    candidates = np.geomspace(0.2, 8.0, 120)
    index = np.arange(len(labels))
    losses = [-np.log(softmax(logits / t)[index, labels] + 1e-12).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def fit_platt(logits: Array, outcomes: ArrayLike, weights: ArrayLike | None = None) -> Platt:
    """Weighted logistic regression on one logit by Newton's method (Platt 1999), lightly drawn to identity.

    A slope that would come out negative is held at a small positive value: no order is ever reversed.
    """
    y = np.asarray(outcomes, dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    design = np.stack([np.asarray(logits, dtype=np.float64), np.ones(len(y))], axis=1)
    parameters, identity = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(50):
        p = sigmoid(design @ parameters)
        gradient = design.T @ (w * (y - p)) - (parameters - identity)
        curvature = (design * (w * p * (1 - p))[:, None]).T @ design + np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        parameters = parameters + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return Platt(slope=max(float(parameters[0]), 0.05), offset=float(parameters[1]))


def calibration_noise(confidence: ArrayLike, *, draws: int = 50, seed: int = 0) -> float:
    """The calibration error that perfect probabilities would show on this many rows, by simulation.

    An error near it is no evidence of miscalibration.
    """
    rng, values = np.random.default_rng(seed), np.asarray(confidence, dtype=np.float64)
    errors = [expected_calibration_error(values, rng.random(len(values)) < values) for _ in range(draws)]
    return float(np.mean(errors))


class Bin(NamedTuple):
    """Rows of neighbouring confidence."""

    rows: int
    confidence: float
    """Mean confidence."""
    accuracy: float
    """Share that came true."""


def reliability(
    confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15, fewest: int = 5
) -> tuple[Bin, ...]:
    """Bins of equal width over 0-1, without those of fewer than `fewest` rows: rare high confidences stay apart."""
    confidences, outcomes = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    place = np.minimum((confidences * bins).astype(np.intp), bins - 1)
    parts = [np.flatnonzero(place == index) for index in range(bins)]
    return tuple(
        Bin(len(p), float(confidences[p].mean()), float(outcomes[p].mean()))
        for p in parts
        if len(p) >= max(fewest, 1)
    )


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over bins of equal count (adaptive ECE, Nixon et al. 2019)."""
    confidences, outcomes = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    order = np.argsort(confidences, kind="stable")
    parts = np.array_split(order, min(bins, max(len(order), 1)))
    gaps = [abs(confidences[p].mean() - outcomes[p].mean()) * len(p) for p in parts if len(p)]
    return float(sum(gaps) / max(len(order), 1))
