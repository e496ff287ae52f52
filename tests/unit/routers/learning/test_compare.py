"""When a candidate may replace what is in force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from routers.learning.compare import compare_labels, compare_success

RNG = np.random.default_rng(0)
GRADES = np.concatenate([np.ones(150), np.zeros(150)])[:, None]
SURE = np.where(GRADES > 0.5, 0.9, 0.1)
HALF = np.full((300, 1), 0.5)


def test_what_is_surely_better_may_replace() -> None:
    """Order and losses gain, and the verdict gives the interval."""
    found = compare_success(HALF, SURE, GRADES)
    assert found.better
    assert all(found.gains[figure].low > 0 for figure in ("auroc", "brier", "log_loss"))
    assert found.verdict.startswith("better: log loss is lower by 0.5878 [")


def test_what_is_equal_or_worse_is_refused() -> None:
    """No gain is no reason to replace."""
    assert not compare_success(SURE, SURE, GRADES).better
    assert compare_success(SURE, HALF, GRADES).gains["log_loss"].high < 0


def test_a_better_level_does_not_pay_for_a_worse_order() -> None:
    """Overconfident but well-ordered probabilities are not replaced by calibrated ones that rank worse."""
    order = RNG.normal(size=(300, 1)) + 3 * GRADES
    overconfident = np.clip(0.02 + 1e-3 * order, 1e-3, 0.999)
    noisy = np.clip(0.5 + 0.2 * (GRADES - 0.5) + 0.15 * RNG.normal(size=(300, 1)), 0.05, 0.95)
    found = compare_success(overconfident, noisy, GRADES)
    assert found.gains["log_loss"].low > 0
    assert not found.better
    assert "auroc would fall by" in found.verdict


@pytest.mark.parametrize("grades", [np.ones((300, 1)), (RNG.random((300, 1)) < 0.9).astype(float)])
def test_grades_that_do_not_depend_on_the_request_teach_nothing(grades) -> None:
    """A constant that fits the level is lower in log loss, and still not a way to tell requests apart."""
    found = compare_success(HALF, np.full((300, 1), 0.9), grades)
    assert found.gains["log_loss"].low > 0
    assert not found.better
    assert "hardly depend on the request" in found.verdict


def test_names_that_were_not_graded_count_for_nothing() -> None:
    """NaN marks them; the figures are those of the graded names alone."""
    unknown = np.full((300, 1), np.nan)
    both = compare_success(np.hstack([HALF, HALF]), np.hstack([SURE, HALF]), np.hstack([GRADES, unknown]))
    assert dict(both.new) == dict(compare_success(HALF, SURE, GRADES).new)
    assert not math.isnan(both.gains["auroc"].value)


def test_labels_are_compared_by_the_same_rule() -> None:
    """A head that is right more often and says so may replace; its equal may not."""
    labels = np.arange(300) % 3
    right = np.full((300, 3), 0.05) + 0.85 * np.eye(3)[labels]
    even = np.full((300, 3), 1 / 3)
    found = compare_labels("task", even, right, labels)
    assert found.better
    assert found.new["accuracy"] == 1
    assert not compare_labels("task", right, right, labels).better
