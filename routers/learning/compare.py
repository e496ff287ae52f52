"""Compares two versions of a head on requests that neither learnt from, and decides whether the new one may replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from routers.calibration import expected_calibration_error
from routers.learning.success import request_losses
from routers.placement import Estimate
from routers.training.metrics import auroc, bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.integer]
    Figure = Callable[[Rows], float]

Head = Literal["success", "task", "domain"]
DRAWS: Final = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of the version in force and of the candidate on the same held-out requests."""

    head: Head
    rows: int
    old: Mapping[str, float]
    new: Mapping[str, float]
    gains: Mapping[str, Estimate]
    """By how much the candidate is better, with the 95 % interval of the paired bootstrap over requests."""
    told_apart: Estimate
    """The candidate's AUROC or accuracy."""

    @property
    def better(self) -> bool:
        """Whether the candidate may replace the version in force."""
        return self.missing is None

    @property
    def missing(self) -> str | None:
        """What speaks against the candidate; None when nothing does.

        It must surely lower log loss, must not surely rank worse, and its success must depend on the request:
        grades that are the same for all requests, or random, would teach it to tell nothing apart.
        """
        loss, ranking = self.gains["log_loss"], self.gains[self.ranking]
        if not loss.low > 0:
            return "the interval would have to lie above 0"
        if ranking.high < 0:
            return (
                f"{self.ranking} would fall by {-ranking.value:.4f} [{-ranking.high:.4f}, {-ranking.low:.4f}]"
            )
        if self.head == "success" and not self.told_apart.low > 0.5:
            ends = f"{self.told_apart.value:.3f} [{self.told_apart.low:.3f}, {self.told_apart.high:.3f}]"
            return f"its auroc of {ends} is not surely above 0.5, so the grades hardly depend on the request"
        return None

    @property
    def ranking(self) -> str:
        """The figure that says how well right and wrong are told apart."""
        return "auroc" if self.head == "success" else "accuracy"

    @property
    def verdict(self) -> str:
        """Why the candidate replaces, or what was missing."""
        gain = self.gains["log_loss"]
        interval = f"log loss is lower by {gain.value:.4f} [{gain.low:.4f}, {gain.high:.4f}]"
        return (
            f"better: {interval}"
            if self.missing is None
            else f"kept as it was: {interval}, but {self.missing}"
        )


def compare_success(old: Floats, new: Floats, grades: Floats) -> Comparison:
    """Probabilities of both versions and grades, each of shape (requests, names), NaN where not graded."""
    losses = request_losses(old, grades), request_losses(new, grades)
    squares = tuple(np.nanmean((p - grades) ** 2, axis=1) for p in (old, new))

    def ranked(p: Floats) -> Figure:
        return lambda rows: _mean_auroc(p[rows], grades[rows])

    def gap(p: Floats) -> Figure:
        return lambda rows: _calibration_gap(p[rows], grades[rows])

    return _comparison(
        "success",
        len(grades),
        {
            "auroc": (ranked(old), ranked(new), 1),
            "brier": (_mean(squares[0]), _mean(squares[1]), -1),
            "log_loss": (_mean(losses[0]), _mean(losses[1]), -1),
            "calibration_error": (gap(old), gap(new), -1),
        },
    )


def compare_labels(head: Head, old: Floats, new: Floats, labels: Rows) -> Comparison:
    """Probabilities of both versions, shape (requests, labels), and the right label of each request."""
    index, truth = np.arange(len(labels)), np.eye(old.shape[1])[labels]

    def right(p: Floats) -> Figure:
        return _mean((p.argmax(axis=1) == labels).astype(np.float64))

    def gap(p: Floats) -> Figure:
        hit = p.argmax(axis=1) == labels
        return lambda rows: expected_calibration_error(p.max(axis=1)[rows], hit[rows])

    def loss(p: Floats) -> Figure:
        return _mean(-np.log(np.clip(p[index, labels], 1e-6, 1)))

    def square(p: Floats) -> Figure:
        return _mean(((p - truth) ** 2).sum(axis=1))

    return _comparison(
        head,
        len(labels),
        {
            "accuracy": (right(old), right(new), 1),
            "brier": (square(old), square(new), -1),
            "log_loss": (loss(old), loss(new), -1),
            "calibration_error": (gap(old), gap(new), -1),
        },
    )


def _comparison(head: Head, rows: int, figures: Mapping[str, tuple[Figure, Figure, int]]) -> Comparison:
    everything = np.arange(rows)
    told_apart = next(new for name, (_, new, _) in figures.items() if name in ("auroc", "accuracy"))
    return Comparison(
        head=head,
        rows=rows,
        old={name: old(everything) for name, (old, _, _) in figures.items()},
        new={name: new(everything) for name, (_, new, _) in figures.items()},
        gains={name: _gain(*triple, rows) for name, triple in figures.items()},
        told_apart=_estimate(told_apart, rows),
    )


def _gain(old: Figure, new: Figure, sign: int, rows: int) -> Estimate:
    def difference(chosen: Rows) -> float:
        return sign * (new(chosen) - old(chosen))

    return _estimate(difference, rows)


def _estimate(figure: Figure, rows: int) -> Estimate:
    if np.isnan(figure(np.arange(rows))):
        return Estimate(float("nan"), float("nan"), float("nan"))
    return Estimate(*bootstrap(figure, rows, draws=DRAWS))


def _mean(values: Floats) -> Figure:
    return lambda rows: float(values[rows].mean())


def _mean_auroc(probability: Floats, grades: Floats) -> float:
    """Mean over names, so that knowing which name is stronger counts for nothing; NaN where none has both grades."""
    found = []
    for column in range(grades.shape[1]):
        known = ~np.isnan(grades[:, column])
        found.append(
            auroc(probability[known, column], grades[known, column] >= 0.5) if known.any() else np.nan
        )
    defined = [value for value in found if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _calibration_gap(probability: Floats, grades: Floats) -> float:
    known = ~np.isnan(grades)
    return expected_calibration_error(probability[known], grades[known])
