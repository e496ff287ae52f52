"""The measurements that reports and cards are made of."""

from __future__ import annotations

import random

import numpy as np
import pytest

from routers.artifact import SHIPPED
from routers.signals import RequestText
from routers.training.examples import Example
from routers.training.metrics import bootstrap, macro_f1, recall_at
from routers.training.perturb import edit
from routers.training.robustness import EDITS, flip_rate

QUESTION = "What melts in the sun?\nA. ice\nB. stone\nC. sand\nAnswer:"


def test_macro_f1_counts_every_class_alike() -> None:
    """A rare class that is always missed costs as much as a frequent one."""
    assert macro_f1(["a"] * 9 + ["b"], ["a"] * 10) == pytest.approx((18 / 19 + 0) / 2)
    assert macro_f1(["a", "b"], ["a", "b"]) == 1


def test_recall_is_read_at_the_stated_false_positive_rate() -> None:
    """The threshold lets through no more negatives than allowed."""
    scores = np.array([0.1, 0.2, 0.3, 0.9, 0.25, 0.95])
    positive = np.array([False, False, False, False, True, True])
    assert recall_at(scores, positive, false_positive_rate=0.0)[0] == 0.5
    assert recall_at(scores, positive, false_positive_rate=0.5)[0] == 1.0


def test_the_interval_holds_the_value() -> None:
    """The bootstrap interval of a mean surrounds it and narrows with more rows."""
    values = np.random.default_rng(0).normal(size=2000)
    mean, lower, upper = bootstrap(lambda rows: float(values[rows].mean()), 2000)
    assert lower < mean < upper
    _, wide_lower, wide_upper = bootstrap(lambda rows: float(values[:100][rows].mean()), 100)
    assert upper - lower < wide_upper - wide_lower


def test_edits_keep_the_words_that_matter() -> None:
    """Options move but stay, a typo changes two letters, courtesy only adds."""
    rng = random.Random(0)  # noqa: S311 - draws edits, not secrets
    moved = EDITS["option order"](QUESTION, rng)
    assert sorted(moved) == sorted(QUESTION)
    assert moved.startswith("What melts in the sun?\nA. ")
    assert sorted(EDITS["typo"](QUESTION, rng)) == sorted(QUESTION)
    assert QUESTION in EDITS["preface"](QUESTION, rng)
    assert EDITS["thanks"](QUESTION, rng).startswith(QUESTION)


def test_no_frame_of_the_flip_test_is_trained_on() -> None:
    """Whatever training puts around a request, the frames that measure are others."""
    rng = random.Random(0)  # noqa: S311 - draws edits, not secrets
    trained = {edit("what melts", rng).lower() for _ in range(5000)}
    measured = {EDITS["new frame"]("what melts", rng).lower() for _ in range(200)}
    assert len(measured) > 4
    assert not trained & measured


def test_flips_are_counted_by_edit() -> None:
    """Every kind of edit gets its rates over the requests that it could change."""
    examples = [Example(RequestText(user=QUESTION), "toy", "dev", task="question answering")] * 3
    rates = flip_rate(SHIPPED, examples)
    assert set(rates) == set(EDITS)
    assert all(0 <= row["task"] <= 1 and row["n"] <= 3 for row in rates.values())
