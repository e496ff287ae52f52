"""Placing a new target by grades that a known ability would give."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from routers.ability import Abilities, sigmoid
from routers.classifier import RequestClassifier
from routers.placement import TooFewError, folds, place, served
from tests.unit.routers.requests import cooking, drawn, graded, law

PROMPTS = [*cooking(60), *law(60)]


@pytest.fixture(scope="module")
def classifier() -> RequestClassifier:
    return RequestClassifier.load()


@pytest.fixture(scope="module")
def graded_by_a_weak_model(classifier):
    embeddings = served(classifier, [row.text for row in graded(PROMPTS, [0] * len(PROMPTS))])
    vector = classifier.ability_vectors["gemma-2-2b-it"]
    return graded(PROMPTS, drawn(sigmoid(embeddings[:, :-1] @ vector - embeddings[:, -1])))


def test_a_target_is_placed_near_the_model_that_graded_it(classifier, graded_by_a_weak_model) -> None:
    """Grades drawn from a known ability lead back to its level, and to few models below it."""
    placement = place(classifier, graded_by_a_weak_model, "mine")
    assert placement.success == pytest.approx(placement.acceptable, abs=0.06)
    assert placement.stronger_than < 0.2 * placement.known_models
    assert placement.nearest[0].difference < 0.1
    assert placement.gain.low > 0
    assert placement.placed.log_loss < placement.prior.log_loss


def test_served_embeddings_give_the_probability_that_is_served(classifier) -> None:
    """A vector is fitted to exactly what `classify` will make of it."""
    text = graded(PROMPTS[:1], [1])[0].text
    (row,) = served(classifier, [text])
    for name, p in classifier.classify(text).success.items():
        vector = classifier.ability_vectors[name]
        assert sigmoid(row[:-1] @ vector - row[-1]) == pytest.approx(p, abs=1e-5)


def test_placing_is_repeatable_and_takes_seconds(classifier, graded_by_a_weak_model) -> None:
    """Equal rows give equal vectors and figures."""
    start = time.perf_counter()
    first, second = (place(classifier, graded_by_a_weak_model, "mine") for _ in range(2))
    assert time.perf_counter() - start < 10
    assert np.array_equal(first.vector, second.vector)
    assert (first.placed, first.gain) == (second.placed, second.gain)


def test_fewer_than_thirty_are_refused_with_the_reason(classifier) -> None:
    """The message has the number given, the number needed, and why."""
    with pytest.raises(TooFewError, match=r"29 graded examples are too few.*at least 30.*because"):
        place(classifier, graded(PROMPTS[:29], [1] * 29), "mine")


def test_grades_that_are_all_alike_leave_auroc_undefined(classifier) -> None:
    """Thirty good answers still place a target, above most models, but rank nothing."""
    placement = place(classifier, graded(PROMPTS[:30], [1] * 30), "mine")
    assert math.isnan(placement.placed.auroc.value)
    assert placement.stronger_than > 0.5 * placement.known_models


def test_the_estimate_is_made_on_rows_that_were_not_learnt_from(classifier, graded_by_a_weak_model) -> None:
    """The log loss is that of vectors each of which has not seen the fold that it is judged on."""
    rows = graded_by_a_weak_model
    grades = np.array([row.outcomes["mine"] for row in rows])
    known = Abilities(tuple(classifier.abilities), np.stack(list(classifier.ability_vectors.values())))
    embeddings, parts, losses = served(classifier, [row.text for row in rows]), folds(rows, grades), []
    for part in range(10):
        vector = known.place(embeddings[parts != part], grades[parts != part])
        p = sigmoid(embeddings[parts == part, :-1] @ vector - embeddings[parts == part, -1])
        losses += list(-np.log(np.where(grades[parts == part] > 0.5, p, 1 - p)))
    assert place(classifier, rows, "mine").placed.log_loss == pytest.approx(np.mean(losses), abs=1e-6)


def test_equal_requests_share_a_fold_and_grades_are_spread() -> None:
    """No request is predicted by its own copy, and no fold has only one grade."""
    rows = graded(["Same one?", "same  ONE", *PROMPTS[:58]], [1, 0, *([1, 0] * 29)])
    parts = folds(rows, np.array([row.outcomes["mine"] for row in rows]))
    assert parts[0] == parts[1]
    assert sorted(set(parts)) == list(range(10))
    for part in range(10):
        assert {row.outcomes["mine"] for row, p in zip(rows, parts, strict=True) if p == part} == {0.0, 1.0}
