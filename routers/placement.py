"""Places a new target among the known models from graded examples, and says how far the result can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.ability import Abilities, sigmoid
from routers.calibration import expected_calibration_error, fit_platt
from routers.graded import identity
from routers.training.metrics import auroc, bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from routers.calibration import Platt
    from routers.classifier import RequestClassifier
    from routers.graded import Graded
    from routers.signals import RequestText

    Floats = NDArray[np.float64]
    Predictor = Callable[[NDArray[np.intp], NDArray[np.intp]], Floats]
    """(rows to learn from, rows to predict) -> probabilities of an acceptable answer."""

FEWEST: Final = 30
"""Below this an estimate on held-out examples says next to nothing: its interval spans half the scale."""
FOLDS: Final = 10
DRAWS: Final = 500
_NEAREST: Final = 3


class TooFewError(Exception):
    """There are not enough examples; the message says how many are needed, and why."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How well one way of predicting does on examples that it did not learn from."""

    auroc: Estimate
    calibration_error: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A known model and how it differs from the new target on the graded requests."""

    name: str
    success: float
    """Mean predicted probability of an acceptable answer."""
    difference: float
    """Mean absolute difference of the two probabilities."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A target's ability vector and what is known about it."""

    vector: NDArray[np.float32]
    examples: int
    acceptable: float
    """Mean grade."""
    success: float
    """Mean predicted probability on the graded requests."""
    placed: HeldOut
    prior: HeldOut
    """Without looking at a grade: the mean of the known models."""
    length: HeldOut
    """From the length of the prompt alone."""
    gain: Estimate
    """Log loss that placing saves over `prior` on held-out examples."""
    chance_error: float
    """The calibration error that perfect probabilities would show on as few examples."""
    stronger_than: int
    known_models: int
    nearest: tuple[Neighbour, ...]


def place(classifier: RequestClassifier, rows: Sequence[Graded], name: str) -> Placement:
    """The placement of the target whose grade each row has under `name`. Raises `TooFewError`."""
    if len(rows) < FEWEST:
        raise TooFewError(
            f"{len(rows)} graded examples are too few to place `{name}`: at least {FEWEST} are needed, because "
            "with fewer nothing could be said about how well the prediction holds; 50 to 200 are better"
        )
    known = Abilities(tuple(classifier.ability_vectors), np.stack(list(classifier.ability_vectors.values())))
    grades = np.array([row.outcomes[name] for row in rows])
    embeddings = served(classifier, [row.text for row in rows])
    vector = known.place(embeddings, grades)
    held_out = _held_out(known, embeddings, rows, grades)
    placed, prior, length = (figures(p, grades) for p in held_out)
    losses = [log_losses(p, grades) for p in held_out[:2]]
    success = _success(vector, embeddings)
    of_known = {model: _success(v, embeddings) for model, v in zip(known.names, known.vectors, strict=True)}
    return Placement(
        vector=vector,
        examples=len(rows),
        acceptable=float(grades.mean()),
        success=float(success.mean()),
        placed=placed,
        prior=prior,
        length=length,
        gain=interval(lambda r: float((losses[1] - losses[0])[r].mean()), len(grades)),
        chance_error=_chance_error(held_out[0]),
        stronger_than=sum(bool(p.mean() < success.mean()) for p in of_known.values()),
        known_models=len(known.names),
        nearest=_nearest(success, of_known),
    )


def served(classifier: RequestClassifier, texts: Sequence[RequestText]) -> Floats:
    """Served embeddings of texts, shape (texts, dimensions + 1)."""
    return served_from(np.stack([classifier.embed(text) for text in texts]), classifier.success_calibration)


def served_from(embeddings: NDArray[np.floating], calibration: Platt) -> Floats:
    """Embeddings such that `sigmoid(vector . demand - difficulty)` is the probability that is served.

    The calibration of success is folded in, so that a vector is fitted to what will be made of it.
    """
    rows = embeddings.astype(np.float64) * calibration.slope
    rows[:, -1] -= calibration.offset
    return np.asarray(rows)


def figures(probabilities: Floats, grades: Floats) -> HeldOut:
    """AUROC with its interval, calibration error and log loss; an answer graded 0.5 or more counts as acceptable."""
    good = grades >= 0.5
    return HeldOut(
        auroc=interval(lambda r: auroc(probabilities[r], good[r]), len(grades)),
        calibration_error=expected_calibration_error(probabilities, grades, bins=_bins(len(grades))),
        log_loss=float(log_losses(probabilities, grades).mean()),
    )


def interval(statistic: Callable[[NDArray[np.integer]], float], rows: int) -> Estimate:
    """The statistic of all rows, with its bootstrap interval."""
    if np.isnan(statistic(np.arange(rows))):
        return Estimate(float("nan"), float("nan"), float("nan"))
    return Estimate(*bootstrap(statistic, rows, draws=DRAWS))


def log_losses(probabilities: Floats, grades: Floats) -> Floats:
    """Cross-entropy of each row in nats."""
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(-(grades * np.log(p) + (1 - grades) * np.log(1 - p)))


def folds(rows: Sequence[Graded], grades: Floats, count: int = FOLDS) -> NDArray[np.intp]:
    """The fold of each row: equal requests share one, and every fold has its share of good and bad grades."""
    keys = [identity(row.text) for row in rows]
    members: dict[str, list[float]] = {}
    for key, grade in zip(keys, grades, strict=True):
        members.setdefault(key, []).append(grade)
    order = sorted(members, key=lambda key: (sum(members[key]) / len(members[key]), key))
    place_of = {key: index % count for index, key in enumerate(order)}
    return np.array([place_of[key] for key in keys])


def _held_out(
    known: Abilities, embeddings: Floats, rows: Sequence[Graded], grades: Floats
) -> tuple[Floats, Floats, Floats]:
    """Probabilities for each row by what was learnt from the other folds: placed, prior, length."""
    mean = known.vectors.mean(axis=0)
    length = np.log1p([len(row.text.user) for row in rows])
    shortness = -(length - length.mean()) / max(float(length.std()), 1e-9)

    def by_ability(train: NDArray[np.intp], test: NDArray[np.intp]) -> Floats:
        return _success(known.place(embeddings[train], grades[train]), embeddings[test])

    def by_length(train: NDArray[np.intp], test: NDArray[np.intp]) -> Floats:
        return np.asarray(fit_platt(shortness[train], grades[train]).many(shortness[test]))

    parts = folds(rows, grades)
    return (
        _cross_validated(by_ability, parts),
        _success(mean, embeddings),
        _cross_validated(by_length, parts),
    )


def _cross_validated(predict: Predictor, parts: NDArray[np.intp]) -> Floats:
    found = np.empty(len(parts))
    for part in np.unique(parts):
        test = np.flatnonzero(parts == part)
        found[test] = predict(np.flatnonzero(parts != part), test)
    return found


def _success(vector: NDArray[np.floating], embeddings: Floats) -> Floats:
    return np.asarray(sigmoid(embeddings[:, :-1] @ vector.astype(np.float64) - embeddings[:, -1]))


def _nearest(success: Floats, of_known: dict[str, Floats]) -> tuple[Neighbour, ...]:
    found = [Neighbour(n, float(p.mean()), float(np.abs(p - success).mean())) for n, p in of_known.items()]
    return tuple(sorted(found, key=lambda neighbour: neighbour.difference)[:_NEAREST])


def _bins(rows: int) -> int:
    return max(2, min(15, rows // 10))


def _chance_error(probabilities: Floats, draws: int = 100) -> float:
    rng, rows = np.random.default_rng(0), len(probabilities)
    errors = [
        expected_calibration_error(probabilities, rng.random(rows) < probabilities, bins=_bins(rows))
        for _ in range(draws)
    ]
    return float(np.mean(errors))
