"""Multidimensional item response theory: which model answers which request acceptably.

A request has a demand vector a(q) and a difficulty b(q), a model has an ability vector theta, and
P(acceptable) = sigmoid(theta . a(q) - b(q))   (Reckase, Multidimensional Item Response Theory, 2009, ch. 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from routers.calibration import Platt
    from routers.heads import Dense

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Abilities:
    """Ability vectors of known models, and the spread of models from which a new one is placed."""

    names: tuple[str, ...]
    vectors: Floats
    """Shape (models, dimensions)."""

    def as_mapping(self, probabilities: NDArray[np.floating]) -> dict[str, float]:
        """Names beside one probability a model."""
        return dict(zip(self.names, probabilities.tolist(), strict=True))

    def place(self, embeddings: ArrayLike, outcomes: ArrayLike, *, floor: float = 0.05) -> Floats:
        """The ability vector of a new model from graded requests: maximum a posteriori by Newton's method.

        `embeddings` has shape (n, dimensions + 1), rows of `RequestClassifier.embed`; `outcomes` has
        shape (n,) and lies in 0-1.
        The prior is the normal distribution of the known models, its deviations at least `floor`, so
        that few examples move only what they speak about. Raises ValueError when the shapes do not match.
        """
        rows, graded = np.asarray(embeddings, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
        if rows.ndim != 2 or rows.shape != (len(graded), self.vectors.shape[1] + 1):
            raise ValueError(
                f"need {self.vectors.shape[1] + 1} columns and one outcome a row, got {rows.shape}"
            )
        demand, difficulty = rows[:, :-1], rows[:, -1]
        mean = self.vectors.mean(axis=0, dtype=np.float64)
        spread = np.cov(self.vectors.T.astype(np.float64)) + floor**2 * np.eye(len(mean))
        precision = np.linalg.inv(spread)
        theta = mean.copy()
        for _ in range(50):
            success = sigmoid(demand @ theta - difficulty)
            gradient = demand.T @ (graded - success) - precision @ (theta - mean)
            curvature = (demand * (success * (1 - success))[:, None]).T @ demand + precision
            step = np.linalg.solve(curvature, gradient)
            theta += step / max(1.0, float(np.linalg.norm(step)))
            if np.abs(step).max() < 1e-7:
                break
        return np.asarray(theta, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class AbilityHead:
    """Maps an input vector to the embedding that abilities are scored against."""

    output: Dense

    def __call__(self, x: Floats) -> Floats:
        """The embedding [a(q), b(q)], shape (dimensions + 1,); the first demand is the constant 1."""
        return np.concatenate([np.ones(1, dtype=np.float32), self.output(x)])


class PredictedSuccess(Mapping[str, float]):
    """Calibrated probability of an acceptable answer by model; computed when asked for, as few of them ever are."""

    __slots__ = ("_calibration", "_embedding", "_rows", "_vectors")

    def __init__(
        self, rows: Mapping[str, int], vectors: Floats, embedding: Floats, calibration: Platt
    ) -> None:
        """`rows` says which of `vectors`, shape (models, dimensions), is whose; embedding as of `AbilityHead`."""
        self._rows, self._vectors = rows, vectors
        self._embedding, self._calibration = embedding, calibration

    @property
    def embedding(self) -> Floats:
        """What the predictions are made from, as `RequestClassifier.embed` returns it."""
        return self._embedding

    def __getitem__(self, name: str) -> float:
        vector = self._vectors[self._rows[name]]
        return self._calibration(float(vector @ self._embedding[:-1] - self._embedding[-1]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return repr(dict(self))


def success_logits(vectors: Floats, embedding: Floats) -> Floats:
    """Logit of an acceptable answer by each model, shape (models,)."""
    return np.asarray(vectors @ embedding[:-1] - embedding[-1])


def success(vectors: Mapping[str, Floats], embedding: Floats) -> dict[str, float]:
    """Probability of an acceptable answer by each named ability vector, before calibration."""
    return {
        name: float(sigmoid(success_logits(vector[None], embedding))[0]) for name, vector in vectors.items()
    }


def sigmoid(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
