"""Reliability of the heads: confidences of a known classifier against what came true, and the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routers.benchmark.diagram import save_diagrams, wilson
from routers.benchmark.errors import BenchmarkError
from routers.benchmark.reliability import FEWEST, HeadReliability, measure
from routers.calibration import expected_calibration_error, reliability
from routers.graded import Graded
from routers.labels import REFERENCE_MODEL
from routers.signals import RequestText, Signals

SURE = Signals(
    task="code",
    task_confidence=0.9,
    domain="law",
    domain_confidence=0.6,
    difficulty=0.3,
    success={"tiny": 0.7},
    pii=0.2,
    injection=0.0,
    language="en",
    tokens=3,
)


class Fixed:
    """Says the same of every request; the first half of them it takes for personal."""

    def classify(self, text: RequestText) -> Signals:
        """`SURE`, with the share of personal data that the text asks for."""
        return replace(SURE, pii=float(text.user))


def rows(count: int) -> list[Graded]:
    """Requests of which every second is code, all about law by its alias, and graded for the reference."""
    return [
        Graded(
            text=RequestText(user=str(index / count)),
            outcomes={REFERENCE_MODEL: 0.25, "tiny": 1.0, "unknown": 0.0},
            task="code" if index % 2 else "chat",
            domain="legal",
            pii=index / count > 0.5,
        )
        for index in range(count)
    ]


def test_each_head_is_judged_by_what_the_rows_say_of_it() -> None:
    """Labels are right or wrong, flags are compared as probabilities, difficulty is failure of the reference."""
    found = {head.head: head for head in measure(Fixed(), rows(60))}
    assert set(found) == {"task", "domain", "difficulty", "success", "pii"}
    assert found["task"].correct.mean() == 0.5
    assert found["task"].error == pytest.approx(0.4)
    assert found["domain"].error == pytest.approx(0.4)
    assert found["difficulty"].correct.mean() == 0.75
    assert len(found["success"].correct) == 60
    assert found["success"].error == pytest.approx(0.3)
    assert found["pii"].correct.mean() == pytest.approx(29 / 60)


def test_a_head_with_few_rows_is_not_judged() -> None:
    """An error of so few rows would be noise."""
    assert measure(Fixed(), rows(FEWEST - 1)) == ()


def test_bins_of_equal_width_keep_rare_confidences_apart() -> None:
    """A thousand low confidences do not hide ten high ones; a bin of one row is left out."""
    confidence = np.array([0.01] * 1000 + [0.95] * 10 + [0.5])
    correct = np.array([0.0] * 1000 + [1.0] * 9 + [0.0] + [1.0])
    low, high = reliability(confidence, correct)
    assert (low.rows, low.accuracy) == (1000, 0.0)
    assert (high.rows, high.accuracy) == (10, 0.9)
    assert reliability([], []) == ()
    assert expected_calibration_error(confidence, correct) < 0.02


def test_perfect_probabilities_show_the_error_that_is_called_noise() -> None:
    """The error of simulated perfect probabilities is near the stated noise, that of distorted ones is not."""
    rng = np.random.default_rng(0)
    confidence = rng.random(2000)
    came_true = (rng.random(2000) < confidence).astype(float)
    perfect = HeadReliability("task", confidence, came_true)
    assert perfect.error == pytest.approx(perfect.noise, abs=0.01)
    assert HeadReliability("task", confidence**3, came_true).error > 3 * perfect.noise


def test_the_interval_surrounds_the_share_also_at_its_ends() -> None:
    """Ten of ten is no proof of certainty."""
    low, high = wilson(np.array([0.0, 0.5, 1.0]), np.array([10, 10, 10]))
    assert low[0] == 0.0
    assert high[0] == pytest.approx(0.278, abs=0.001)
    assert (low[1], high[1]) == pytest.approx((0.237, 0.763), abs=0.001)
    assert low[2] == pytest.approx(0.722, abs=0.001)


def test_the_diagrams_are_one_png_and_repeat(tmp_path) -> None:
    """The same figures give the same bytes; an impossible path is our error, and so is nothing to draw."""
    pytest.importorskip("matplotlib")
    heads = measure(Fixed(), rows(60))
    for name in ("one.png", "two.png"):
        save_diagrams(heads, "Fixed", tmp_path / name)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with pytest.raises(BenchmarkError, match="cannot write"):
        save_diagrams(heads, "Fixed", tmp_path / "absent" / "one.png")
    with pytest.raises(BenchmarkError, match="no head"):
        save_diagrams((), "Fixed", tmp_path / "none.png")
