"""Refits the output layer of a label head: multinomial logistic regression with the layer in force as the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.heads import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.heads import Dense

    Floats = NDArray[np.floating]

PENALTY: Final = 1.0
"""Precision of the prior on a change of weight, for hidden rows whose mean squared norm is 1."""
_STEPS: Final = 200


@dataclass(frozen=True, slots=True)
class Layer:
    """A label head's output layer in units of its calibrated logit."""

    weight: Floats
    bias: Floats

    @classmethod
    def served(cls, layer: Dense, temperature: float) -> Layer:
        """The layer with its temperature folded in."""
        return cls(layer.weight / temperature, layer.bias / temperature)

    def probabilities(self, hidden: Floats) -> NDArray[np.float64]:
        """Shape (requests, labels)."""
        return softmax((hidden @ self.weight.T + self.bias).astype(np.float32)).astype(np.float64)


def fit(layer: Layer, hidden: Floats, labels: NDArray[np.integer]) -> Layer:
    """The layer moved towards `labels`, indices of shape (requests,), given hidden rows (requests, width).

    Nesterov's accelerated gradient; the Hessian of the log loss is at most half that of its inputs (Boehning 1992).
    """
    size = np.sqrt((hidden**2).sum() / len(hidden))
    rows = np.hstack([hidden / size, np.ones((len(hidden), 1))]).astype(np.float64)
    start = hidden @ layer.weight.T + layer.bias
    truth = np.eye(len(layer.bias))[labels]
    rate = 1 / (0.5 * float(np.linalg.eigvalsh(rows.T @ rows)[-1]) + PENALTY)
    change = ahead = np.zeros((rows.shape[1], len(layer.bias)))
    for step in range(_STEPS):
        gradient = rows.T @ (softmax((start + rows @ ahead).astype(np.float32)) - truth) + PENALTY * ahead
        moved = ahead - rate * gradient
        ahead = moved + step / (step + 3) * (moved - change)
        change = moved
    return Layer(layer.weight + (change[:-1] / size).T, layer.bias + change[-1])
