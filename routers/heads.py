"""The network behind the encoding: one hidden layer shared by the labels, one of its own for ability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dense:
    """An affine layer; `weight` has shape (outputs, inputs)."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        return np.asarray(self.weight @ x + self.bias)


@dataclass(frozen=True, slots=True)
class Standardiser:
    """Brings features to mean 0 and deviation 1, and clips what lies beyond five deviations."""

    mean: Floats
    deviation: Floats

    def __call__(self, x: Floats) -> Floats:
        return np.asarray(np.clip((x - self.mean) / self.deviation, -5.0, 5.0))


@dataclass(frozen=True, slots=True)
class LabelHeads:
    """Logits of the categorical and the binary labels from one hidden layer."""

    hidden: Dense
    task: Dense
    domain: Dense
    flags: Dense
    """Personal data and injection, in this order."""

    def __call__(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """(task logits, domain logits, flag logits) of one input vector."""
        hidden = relu(self.hidden(x))
        return self.task(hidden), self.domain(hidden), self.flags(hidden)


def relu(x: Floats) -> Floats:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def most_likely(logits: NDArray[np.floating]) -> tuple[int, float]:
    """Index of the largest logit and its probability under softmax; logits of shape (labels,)."""
    best = int(logits.argmax())
    return best, 1.0 / float(np.exp(logits - logits[best]).sum())


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
