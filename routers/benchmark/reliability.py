"""Measures what the classifier's probabilities are worth: each head's confidence against what came true."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from routers.calibration import Bin, calibration_noise, expected_calibration_error, reliability
from routers.labels import REFERENCE_MODEL, canonical_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from routers.signals import RequestText, Signals

    Floats = NDArray[np.float64]
    Judged = tuple[float, float]
    """A confidence in 0-1, and whether it came true: 1, 0, or a grade between."""

FEWEST: Final = 30
"""Rows below which a head is not judged: a calibration error of so few is all noise."""


class Labelled(Protocol):
    """A request with what is known of it; None where nothing is."""

    @property
    def text(self) -> RequestText:
        """What the classifier reads."""

    @property
    def task(self) -> str | None:
        """The task asked for."""

    @property
    def domain(self) -> str | None:
        """The domain, or an alias of it."""

    @property
    def pii(self) -> bool | None:
        """Whether there is personal data."""

    @property
    def injection(self) -> bool | None:
        """Whether it tries to override instructions."""

    @property
    def outcomes(self) -> Mapping[str, float]:
        """Grade of each model's answer, 0 to 1."""


class Classifier(Protocol):
    """What is measured."""

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request."""


@dataclass(frozen=True)
class HeadReliability:
    """One head on rows that it was not fitted to. All figures are shares of 1."""

    head: str
    confidence: Floats
    correct: Floats
    """Shape (rows,) both."""

    @cached_property
    def bins(self) -> tuple[Bin, ...]:
        """Fifteen bins of equal width, those of very few rows left out: what a reliability diagram shows."""
        return reliability(self.confidence, self.correct)

    @cached_property
    def error(self) -> float:
        """Expected calibration error, over bins of equal count as few rows have middling confidence."""
        return expected_calibration_error(self.confidence, self.correct)

    @cached_property
    def noise(self) -> float:
        """The error that perfect probabilities would show on as many rows."""
        return calibration_noise(self.confidence)


def measure(classifier: Classifier, rows: Iterable[Labelled]) -> tuple[HeadReliability, ...]:
    """The reliability of each head on the rows that say something about it; heads with fewer than 30 are left out.

    For task and domain a row counts as correct when the most likely label is the true one; for pii and injection
    the probability itself is compared with the truth, as for difficulty and success with the grades.
    """
    judged: dict[str, list[Judged]] = {head: [] for head in _HEADS}
    for row in rows:
        signals = classifier.classify(row.text)
        for head, judge in _HEADS.items():
            judged[head].extend(judge(signals, row))
    found = []
    for head, pairs in judged.items():
        if len(pairs) >= FEWEST:
            columns = np.array(pairs, dtype=np.float64)
            found.append(HeadReliability(head, columns[:, 0], columns[:, 1]))
    return tuple(found)


def _task(signals: Signals, row: Labelled) -> Iterator[Judged]:
    if row.task is not None:
        yield signals.task_confidence, signals.task == row.task


def _domain(signals: Signals, row: Labelled) -> Iterator[Judged]:
    if row.domain is not None:
        yield signals.domain_confidence, signals.domain == canonical_domain(row.domain)


def _difficulty(signals: Signals, row: Labelled) -> Iterator[Judged]:
    if REFERENCE_MODEL in row.outcomes:
        yield signals.difficulty, 1 - row.outcomes[REFERENCE_MODEL]


def _success(signals: Signals, row: Labelled) -> Iterator[Judged]:
    for name, grade in row.outcomes.items():
        if name in signals.success:
            yield signals.success[name], grade


def _pii(signals: Signals, row: Labelled) -> Iterator[Judged]:
    if row.pii is not None:
        yield signals.pii, row.pii


def _injection(signals: Signals, row: Labelled) -> Iterator[Judged]:
    if row.injection is not None:
        yield signals.injection, row.injection


_HEADS: Final[dict[str, Callable[[Signals, Labelled], Iterator[Judged]]]] = {
    "task": _task,
    "domain": _domain,
    "difficulty": _difficulty,
    "success": _success,
    "pii": _pii,
    "injection": _injection,
}
