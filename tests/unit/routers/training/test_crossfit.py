"""Predictions out of fold, and the calibration fitted on them."""

from __future__ import annotations

import numpy as np

from routers.ability import sigmoid
from routers.encoder import EVIDENCE_WIDTH, PAIR_WIDTH, WINDOWS
from routers.features import FEATURES
from routers.labels import REFERENCE_MODEL
from routers.signals import RequestText
from routers.training.crossfit import (
    FOLDS,
    OutOfFold,
    fit_difficulty,
    fit_success,
    fold_of,
    measured,
    out_of_fold,
)
from routers.training.examples import Example

WIDTH = 40 * len(WINDOWS) + PAIR_WIDTH + EVIDENCE_WIDTH + len(FEATURES)


def test_texts_that_count_as_one_share_a_fold() -> None:
    """Case, marks and answer options do not tell folds apart, other texts do."""
    assert fold_of("What melts?\nA. ice") == fold_of("what melts")
    assert {fold_of(str(number)) for number in range(100)} == set(range(FOLDS))


def test_no_request_is_predicted_by_a_head_that_has_seen_it() -> None:
    """Turning the outcomes of a fold round changes the predictions of every fold but that one."""
    inputs = np.random.default_rng(0).normal(size=(100, WIDTH)).astype(np.float32)
    folds = np.array([fold_of(f"request {n}") for n in range(100)])

    def predicted(turned: int) -> np.ndarray:
        examples = [
            Example(
                RequestText(user=f"request {n}"),
                "toy",
                "train",
                outcomes={REFERENCE_MODEL: float((n % 2 == 0) != (folds[n] == turned))},
            )
            for n in range(100)
        ]
        return out_of_fold(inputs, examples, [REFERENCE_MODEL], copies=1, seed=0).logits[:, 0]

    before, after = predicted(-1), predicted(2)
    assert np.array_equal(before == after, folds == 2)


def test_too_steep_logits_are_calibrated_and_the_error_is_near_that_of_perfect_probabilities() -> None:
    """Logits three times too large get a third of their slope, and what is left of the error is noise."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(3000, 2)) + 0.5
    outcomes = (rng.random(truth.shape) < sigmoid(truth)).astype(float)
    outcomes[::2, 1] = np.nan
    held_out = OutOfFold(3 * truth, outcomes, np.arange(3000) % FOLDS, reference=0)
    assert abs(fit_difficulty(held_out).slope - 1 / 3) < 0.05
    assert abs(fit_success(held_out).slope - 1 / 3) < 0.05
    report = measured(held_out)
    assert report["n"] == 3000
    assert report["calibration_error"] < report["calibration_noise"] + 0.01
    assert report["success_calibration_error"] < 0.02
