"""Refits difficulty and abilities: maximum a posteriori, with what is in force as the prior.

With served embeddings, P(acceptable) = sigmoid(theta . a(q) - b(q) - u . z(q)): `u` corrects the difficulty along the
principal components z of the classifier's input, and each theta moves from where it stood. Both steps are convex and
take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.ability import Abilities, sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COMPONENTS: Final = 100
PENALTIES: Final = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6)
"""Candidates for the precision of `u`'s prior; the last one leaves difficulty alone."""
_TURNS: Final = 2
_FOLDS: Final = 3


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Graded requests as arrays, one row each."""

    inputs: Floats
    """What the heads read, shape (requests, width)."""
    embeddings: Floats
    """Served embeddings, shape (requests, dimensions + 1)."""
    grades: Floats
    """Shape (requests, names); NaN where a name was not graded."""
    folds: NDArray[np.intp]
    """Where each request stands for choosing the penalty; equal requests share a number."""

    def take(self, rows: NDArray[np.bool_]) -> Outcomes:
        """Those requests alone."""
        return Outcomes(self.inputs[rows], self.embeddings[rows], self.grades[rows], self.folds[rows])


@dataclass(frozen=True, slots=True)
class Refit:
    """What was learnt, in units of the served logit."""

    weight: Floats
    """Added difficulty for each input, shape (width,)."""
    bias: float
    vectors: Floats
    """Abilities, shape (names, dimensions)."""
    penalty: float


def fit(outcomes: Outcomes, starts: Floats, population: NDArray[np.float32]) -> Refit:
    """Learn from `outcomes`; `starts` holds the ability in force of each name, shape (names, dimensions).

    `population` has the vectors of all known models: a target differs from its start as models differ.
    """
    centre, axes = _components(outcomes.inputs)
    z = np.hstack([np.ones((len(outcomes.inputs), 1)), (outcomes.inputs - centre) @ axes])
    spread = Abilities(tuple(map(str, range(len(population)))), population - population.mean(axis=0))
    losses = dict.fromkeys(PENALTIES, 0.0)
    for fold in range(_FOLDS):
        test = outcomes.folds % _FOLDS == fold
        train = outcomes.take(~test)
        for penalty in PENALTIES:
            u, vectors = _alternate(train, z[~test], starts, spread, penalty)
            losses[penalty] += _loss(outcomes.take(test), z[test] @ u, vectors)
    penalty = min(PENALTIES, key=losses.__getitem__)
    u, vectors = _alternate(outcomes, z, starts, spread, penalty)
    weight = axes @ u[1:]
    return Refit(weight=weight, bias=float(u[0] - centre @ weight), vectors=vectors, penalty=penalty)


def probabilities(embeddings: Floats, vectors: Floats, added: Floats | float = 0.0) -> Floats:
    """Of an acceptable answer, shape (requests, names); `added` is the difficulty added to each request."""
    difficulty = embeddings[:, -1] + added
    return np.asarray(sigmoid(embeddings[:, :-1] @ vectors.T - difficulty[:, None]))


def request_losses(probability: Floats, grades: Floats) -> Floats:
    """Cross-entropy in nats, the mean over the graded names of each request; shape (requests,)."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.nanmean(-(grades * np.log(p) + (1 - grades) * np.log(1 - p)), axis=1))


def _components(inputs: Floats) -> tuple[Floats, Floats]:
    """Centre and leading principal axes, scaled so that a request's components have a squared norm near 1."""
    centre = inputs.mean(axis=0)
    rows = inputs - centre
    wide = rows.shape[0] < rows.shape[1]
    values, vectors = np.linalg.eigh(rows @ rows.T if wide else rows.T @ rows)
    count = int(min(COMPONENTS, (values > 1e-9 * max(values[-1], 1e-12)).sum()))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    axes = rows.T @ vectors / np.sqrt(values) if wide else vectors
    return centre, axes / max(float(np.sqrt((rows**2).sum() / len(rows))), 1e-9)


def _alternate(
    outcomes: Outcomes, z: Floats, starts: Floats, spread: Abilities, penalty: float
) -> tuple[Floats, Floats]:
    u = np.zeros(z.shape[1])
    vectors = _abilities(outcomes, z @ u, starts, spread)
    for _ in range(_TURNS):
        u = _difficulty(outcomes, z, vectors, penalty)
        vectors = _abilities(outcomes, z @ u, starts, spread)
    return u, vectors


def _difficulty(outcomes: Outcomes, z: Floats, vectors: Floats, penalty: float) -> Floats:
    """Newton's method; the grades of one request share what its difficulty was misjudged by, so they count as one."""
    known = ~np.isnan(outcomes.grades)
    grades, weights = np.nan_to_num(outcomes.grades), known / known.sum(axis=1, keepdims=True)
    precision = np.full(z.shape[1], penalty)
    precision[0] = 1.0
    u = np.zeros(z.shape[1])
    for _ in range(20):
        p = probabilities(outcomes.embeddings, vectors, z @ u)
        gradient = z.T @ (weights * (grades - p)).sum(axis=1) + precision * u
        curvature = (z * (weights * p * (1 - p)).sum(axis=1)[:, None]).T @ z + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        u -= step / max(1.0, float(np.linalg.norm(step)) / 5)
        if np.abs(step).max() < 1e-6:
            break
    return u


def _abilities(outcomes: Outcomes, added: Floats, starts: Floats, spread: Abilities) -> Floats:
    """Each name's vector: its start, and how far the grades move it."""
    demand, difficulty = outcomes.embeddings[:, :-1], outcomes.embeddings[:, -1] + added
    found = np.empty_like(starts)
    for column, start in enumerate(starts):
        rows = ~np.isnan(outcomes.grades[:, column])
        from_start = np.column_stack([demand, difficulty - demand @ start])
        found[column] = start + spread.place(from_start[rows], outcomes.grades[rows, column])
    return found


def _loss(outcomes: Outcomes, added: Floats, vectors: Floats) -> float:
    probability = probabilities(outcomes.embeddings, vectors, added)
    return float(request_losses(probability, outcomes.grades).sum())
