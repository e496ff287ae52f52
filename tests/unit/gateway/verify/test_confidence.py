"""Acceptance by confidence."""

from __future__ import annotations

import pytest

from gateway.verify.confidence import judge


@pytest.mark.parametrize(
    ("confidence", "threshold", "accepted"),
    [
        (0.9, 0.8, True),
        (0.8, 0.8, True),
        (0.79, 0.8, False),
        (None, 0.8, True),
        (0.1, None, True),
        (0.0, 0.0, True),
    ],
)
def test_an_answer_is_accepted_from_its_threshold_on(confidence, threshold, accepted):
    """The threshold itself is enough; without either number there is nothing to judge by."""
    assert judge(confidence, threshold).accepted is accepted


def test_a_proved_threshold_wants_a_confidence():
    """What reports none is outside of what was graded."""
    assert not judge(None, 0.8, proved=True).accepted
    assert judge(0.8, 0.8, proved=True).accepted
    assert judge(None, None, proved=True).accepted


def test_a_refusal_says_both_numbers():
    """Whoever reads the record sees how far it was."""
    assert judge(0.5, 0.75).reason == "confidence 0.500 is below the accepted 0.750"
