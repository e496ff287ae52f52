"""What running tells deciding."""

from __future__ import annotations

from gateway.feedback import Feedback
from gateway.types import Attempt


def _attempts(target: str, times_ms: list[float | None]) -> list[Attempt]:
    return [Attempt(target, "m", "p", "ok", 0, 0, first_ms=first_ms) for first_ms in times_ms]


def test_too_few_answers_give_no_percentile():
    """Until 20 answers were timed, nothing is claimed."""
    feedback = Feedback()
    feedback.observe(_attempts("small", [1.0] * 19))
    assert feedback.latency_p95_ms == {}
    feedback.observe(_attempts("small", [1.0]))
    assert feedback.latency_p95_ms == {"small": 1.0}


def test_the_percentile_is_of_late_and_by_target():
    """Old answers are forgotten, failed attempts do not count, and targets are kept apart."""
    feedback = Feedback()
    feedback.observe(_attempts("small", [1000.0] * 100))
    feedback.observe(_attempts("small", [float(i % 100) for i in range(320)]))
    feedback.observe(_attempts("large", [None] * 50))
    assert set(feedback.latency_p95_ms) == {"small"}
    assert 90 <= feedback.latency_p95_ms["small"] <= 97
