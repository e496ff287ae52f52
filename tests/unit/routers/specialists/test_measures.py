"""Figures: each against a case that is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from routers.specialists import measures


def test_the_interval_is_that_of_a_proportion() -> None:
    """For 400 rows at 0.9 the bootstrap agrees with the normal approximation of a binomial."""
    low, high = measures.bootstrap_interval(np.array([1.0] * 360 + [0.0] * 40))
    half = 1.96 * (0.9 * 0.1 / 400) ** 0.5
    assert (low, high) == (pytest.approx(0.9 - half, abs=0.005), pytest.approx(0.9 + half, abs=0.005))


def test_a_calibrated_classifier_has_no_calibration_error() -> None:
    """Confidence 0.8 that is right in 80 of 100 rows has error 0; always right, it has 0.2."""
    shares = np.tile([0.8, 0.2], (100, 1))
    assert measures.calibration_error(shares, np.array([0] * 80 + [1] * 20)) == pytest.approx(0)
    assert measures.calibration_error(shares, np.zeros(100, dtype=np.int64)) == pytest.approx(0.2)


def test_the_temperature_undoes_overconfidence() -> None:
    """Logits blown up by three need a temperature near three, and are calibrated by it."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(4000, 3)) * 2
    truth = np.array([draw.choice(3, p=row) for row in measures.softmax(logits)])
    assert measures.fit_temperature(logits * 3, truth) == pytest.approx(3, rel=0.1)


def test_macro_f1_weighs_labels_alike() -> None:
    """Missing a rare label halves the score although accuracy stays high; labels that never occur do not count."""
    truth = np.array([0] * 9 + [1])
    assert measures.macro_f1(np.zeros(10, dtype=np.int64), truth, 3) == pytest.approx(18 / 19 / 2)


def test_coverage_takes_the_most_confident_first() -> None:
    """Keeping half of the rows keeps the confident half."""
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.55, 0.45]])
    assert measures.risk_coverage(shares, np.array([0, 1, 0, 1]), (0.5, 1.0)) == {"0.5": 1.0, "1": 0.5}
