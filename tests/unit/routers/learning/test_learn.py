"""Learning from graded requests of a deployment: what is accepted, what is refused, and what is written."""

from __future__ import annotations

import time

import numpy as np
import pytest

from routers.artifact import SHIPPED, digest
from routers.classifier import RequestClassifier
from routers.graded import Graded, GradedFileError
from routers.learning.learn import Data, learn, write
from routers.placement import TooFewError
from routers.signals import RequestText
from tests.unit.routers.requests import cooking, drawn, graded, law

PROMPTS = [*cooking(200), *law(200)]
COOKS = [*drawn([0.95] * 200, 1), *drawn([0.15] * 200, 2)]
"""Grades of a target that knows the kitchen and no law."""


@pytest.fixture(scope="module")
def classifier() -> RequestClassifier:
    return RequestClassifier.load()


@pytest.fixture(scope="module")
def learnt(classifier):
    return learn(classifier, SHIPPED, graded(PROMPTS, COOKS), {})


def test_a_target_that_knows_one_subject_is_learnt(learnt) -> None:
    """The refit tells the subjects apart, on requests held out, and may replace."""
    (success,) = learnt.comparisons
    assert success.better
    assert success.new["auroc"] > 0.8
    assert success.gains["log_loss"].low > 0
    assert learnt.better == ("success",)
    assert learnt.new_names == ("mine",)
    assert set(learnt.skipped) == {"task", "domain"}


def test_what_is_written_predicts_what_was_measured(classifier, learnt, tmp_path) -> None:
    """The artifact is a classifier of its own that gives the held-out figures, and knows all that the old one did."""
    write(learnt, SHIPPED, tmp_path / "new", {"rows": 400})
    served = RequestClassifier.load(tmp_path / "new")
    held_out = Data.read(classifier, graded(PROMPTS, COOKS)).held_out
    p = np.array([served.classify(RequestText(user=text)).success["mine"] for text in PROMPTS])[held_out]
    loss = -np.log(np.where(np.array(COOKS)[held_out] > 0.5, p, 1 - p)).mean()
    assert loss == pytest.approx(learnt.comparisons[0].new["log_loss"], abs=1e-4)
    assert set(classifier.abilities) < set(served.abilities)
    text = RequestText(user="Is this review positive? 'A joy.'")
    old, new = classifier.classify(text), served.classify(text)
    assert (old.task, old.task_confidence, old.domain) == (new.task, new.task_confidence, new.domain)


def test_what_is_held_out_is_not_learnt_from(classifier, learnt, tmp_path) -> None:
    """Turning the grades that are held out changes the verdict on the refit, and not the refit."""
    write(learnt, SHIPPED, tmp_path / "new", {})
    served = RequestClassifier.load(tmp_path / "new")
    held_out = Data.read(classifier, graded(PROMPTS, COOKS)).held_out
    turned = np.where(held_out, 1 - np.array(COOKS), COOKS)
    p = np.array([served.classify(RequestText(user=text)).success["mine"] for text in PROMPTS])
    loss = -np.log(np.where(turned > 0.5, p, 1 - p))[held_out].mean()
    (success,) = learn(classifier, SHIPPED, graded(PROMPTS, turned), {}).comparisons
    assert success.new["log_loss"] == pytest.approx(loss, abs=1e-4)
    assert not success.better


def test_equal_files_give_equal_bytes_in_seconds(classifier, learnt, tmp_path) -> None:
    """The version is a function of the classifier in force and the rows, whatever the report says."""
    start = time.perf_counter()
    again = learn(classifier, SHIPPED, graded(PROMPTS, COOKS), {})
    assert time.perf_counter() - start < 30
    write(learnt, SHIPPED, tmp_path / "a", {"date": "today"})
    write(again, SHIPPED, tmp_path / "b", {})
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_shuffled_grades_are_refused(classifier) -> None:
    """Grades that do not depend on the request teach nothing, and the verdict says what was missing."""
    shuffled = list(np.random.default_rng(3).permutation(COOKS))
    (success,) = learn(classifier, SHIPPED, graded(PROMPTS, shuffled), {}).comparisons
    assert not success.better
    assert success.verdict.startswith("kept as it was")


def test_a_refit_from_spoiled_grades_does_not_replace_a_better_version(classifier, learnt, tmp_path) -> None:
    """Turned grades in the learnt part lose against the version in force on the true ones held out."""
    write(learnt, SHIPPED, tmp_path / "new", {})
    better = RequestClassifier.load(tmp_path / "new")
    held_out = Data.read(classifier, graded(PROMPTS, COOKS)).held_out
    spoiled = np.where(held_out, COOKS, 1 - np.array(COOKS))
    found = learn(better, tmp_path / "new", graded(PROMPTS, spoiled), {})
    assert not found.better
    assert found.comparisons[0].gains["log_loss"].high < 0
    assert found.new_names == ()


def test_the_same_rows_again_replace_nothing(learnt, tmp_path) -> None:
    """A version that has learnt a file is not replaced by learning it once more."""
    write(learnt, SHIPPED, tmp_path / "new", {})
    again = learn(RequestClassifier.load(tmp_path / "new"), tmp_path / "new", graded(PROMPTS, COOKS), {})
    assert again.better == ()


def test_a_target_starts_from_the_ability_that_its_policy_names(classifier) -> None:
    """The version in force is judged by what the gateway uses today, not by a mean."""
    rows = graded(PROMPTS, COOKS)
    by_ability = learn(classifier, SHIPPED, rows, {"mine": "gemma-2-2b-it"})
    assert by_ability.new_names == ()
    p = np.array([classifier.classify(row.text).success["gemma-2-2b-it"] for row in rows])
    held_out = Data.read(classifier, rows).held_out
    loss = -np.log(np.where(np.array(COOKS) > 0.5, p, 1 - p))[held_out].mean()
    assert by_ability.comparisons[0].old["log_loss"] == pytest.approx(loss, abs=1e-4)


def test_placed_abilities_become_part_of_the_version(classifier) -> None:
    """What was calibrated before is not lost by learning."""
    vector = classifier.ability_vectors["gemma-2-2b-it"] + np.float32(1)
    found = learn(classifier.with_abilities({"other": vector}), SHIPPED, graded(PROMPTS, COOKS), {})
    names = found.config["abilities"]
    assert set(names) == {*classifier.abilities, "other", "mine"}
    assert np.array_equal(found.tensors["abilities"][names.index("other")], vector)


def test_tasks_of_one_s_own_traffic_are_learnt(classifier) -> None:
    """Rows that carry a task refit the task head when that is better on held-out rows."""
    rows = [
        Graded(RequestText(user=text), {"mine": 1.0}, task="rewriting" if i < 200 else "intent")
        for i, text in enumerate(PROMPTS)
    ]
    found = learn(classifier, SHIPPED, rows, {})
    task = next(comparison for comparison in found.comparisons if comparison.head == "task")
    assert task.better
    assert task.new["accuracy"] > 0.9 > task.old["accuracy"]
    assert "success" not in found.better
    assert not np.array_equal(found.tensors["task.weight"], classifier._artifact.labels.task.weight)


def test_few_rows_are_refused_with_the_reason(classifier) -> None:
    """The number given, the number needed, and why."""
    with pytest.raises(TooFewError, match=r"199 graded requests are too few.*at least 200"):
        learn(classifier, SHIPPED, graded(PROMPTS[:199], COOKS[:199]), {})


def test_copies_of_one_request_are_not_many(classifier) -> None:
    """Two hundred rows of one text leave nothing to compare on."""
    with pytest.raises(TooFewError, match="more different ones"):
        learn(classifier, SHIPPED, graded(["the same"] * 200, COOKS[:200]), {})


def test_an_unknown_label_is_named_with_its_line(classifier) -> None:
    """A task that the classifier cannot answer with is a mistake in the file."""
    rows = [
        *graded(PROMPTS, COOKS),
        Graded(RequestText(user="x"), {"mine": 1.0}, task="gardening", place="f:401"),
    ]
    with pytest.raises(GradedFileError, match=r"f:401: `task` is `gardening`"):
        learn(classifier, SHIPPED, rows, {})
