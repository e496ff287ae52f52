"""The network behind the encoding: one hidden layer shared by the labels, one of its own for ability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.ability import AbilityHead

    Floats = NDArray[np.float32]


_ZERO: Final = np.float32(0.0)
_FARTHEST: Final = np.float32(5.0)


@dataclass(frozen=True, slots=True)
class Dense:
    """An affine layer; `weight` has shape (outputs, inputs)."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        return np.asarray(self.weight @ x + self.bias)

    @classmethod
    def stacked(cls, *layers: Dense) -> Dense:
        """One layer that gives the outputs of all, one after the other."""
        return cls(
            np.vstack([layer.weight for layer in layers]), np.concatenate([layer.bias for layer in layers])
        )


@dataclass(frozen=True, slots=True)
class Standardiser:
    """Brings features to mean 0 and deviation 1, and clips what lies beyond five deviations."""

    mean: Floats
    deviation: Floats

    def __call__(self, x: Floats) -> Floats:
        z = (x - self.mean) / self.deviation
        np.maximum(z, -_FARTHEST, out=z)
        np.minimum(z, _FARTHEST, out=z)
        return np.asarray(z)


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


class Layers:
    """Every head of one input vector in two products: the layers that read the same vector lie stacked."""

    def __init__(self, labels: LabelHeads, ability: AbilityHead) -> None:
        self._first = Dense.stacked(labels.hidden, ability.output)
        self._last = Dense.stacked(labels.task, labels.domain, labels.flags)
        self._hidden = len(labels.hidden.bias)
        self._tasks = len(labels.task.bias)
        self._labels = self._tasks + len(labels.domain.bias)

    def __call__(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """(task logits, domain logits, flag logits, embedding as of `AbilityHead`)."""
        first = self._first(x)
        last = self._last(relu(first[: self._hidden]))
        embedding = first[self._hidden - 1 :]
        embedding[0] = 1.0
        return last[: self._tasks], last[self._tasks : self._labels], last[self._labels :], embedding


def relu(x: Floats) -> Floats:
    """max(x, 0)."""
    return np.maximum(x, _ZERO)


def most_likely(logits: NDArray[np.floating]) -> tuple[int, float]:
    """Index of the largest logit and its probability under softmax; logits of shape (labels,)."""
    best = int(logits.argmax())
    return best, 1.0 / float(np.exp(logits - logits[best]).sum())


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
