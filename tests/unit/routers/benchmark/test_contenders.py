"""Who is compared, and that what learns from labels never sees those it is tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from routers.benchmark.contenders import adapted, classifier_routers, file_routers, subject_router
from tests.unit.routers.benchmark.build import benchmark
from tests.unit.routers.benchmark.test_scoring import EncodingClassifier


@pytest.fixture
def small():
    """Sixty prompts, the longer ones harder for the weak model."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 100, 60)
    prompts = [f"{'x' * length} {i}" for i, length in enumerate(lengths)]
    weak = (generator.integers(0, 100, 60) > lengths).astype(float)
    return benchmark(weak, [1.0] * 60, prompts=prompts, subjects=["a", "b", "c"] * 20)


def test_each_signal_is_a_router_of_its_own(small) -> None:
    """Expected gain joins difficulty where both ability vectors are named."""
    assert [r.name for r in classifier_routers(EncodingClassifier(), small, None)] == ["pointsman difficulty"]
    both = classifier_routers(EncodingClassifier(), small, ("small", "large"))
    assert [(r.name, r.mode) for r in both] == [
        ("pointsman difficulty", "zero-shot"),
        ("pointsman gain", "zero-shot"),
    ]


def test_outcomes_of_the_rows_tested_on_teach_nothing(small) -> None:
    """With their outcomes turned round, everything that was learnt scores them as before."""
    scored = classifier_routers(EncodingClassifier(), small, None)
    rows, first = adapted(EncodingClassifier(), small, scored, 30, seed=0)
    hidden = np.isin(small.positions, rows.positions)
    turned = replace(small, weak=np.where(hidden, 1 - small.weak, small.weak))
    _, second = adapted(EncodingClassifier(), turned, scored, 30, seed=0)
    assert [r.mode for r in first] == ["zero-shot", "adapted", "adapted"]
    for one, two in zip(first, second, strict=True):
        assert np.array_equal(one.scores, two.scores), one.name


def test_what_was_learnt_follows_the_rows_learnt_from(small) -> None:
    """With the outcomes of the labelled rows turned round the head turns round too."""
    scored = classifier_routers(EncodingClassifier(), small, None)
    rows, first = adapted(EncodingClassifier(), small, scored, 30, seed=0)
    learnt = ~np.isin(small.positions, rows.positions)
    turned = replace(small, weak=np.where(learnt, 1 - small.weak, small.weak))
    _, second = adapted(EncodingClassifier(), turned, scored, 30, seed=0)
    assert np.corrcoef(first[1].scores, second[1].scores)[0, 1] < -0.9


def test_subjects_make_a_router_only_where_there_are_several(small) -> None:
    """One subject cannot tell rows apart."""
    assert [(r.name, r.mode) for r in subject_router(small, seed=0)] == [("subject lookup", "adapted")]
    assert subject_router(replace(small, subjects=("a",) * 60), seed=0) == []


def test_files_of_scores_keep_their_name_and_mode(small, tmp_path) -> None:
    """The mode is what the caller declares."""
    file = tmp_path / "peer.v2.txt"
    file.write_text("1\n" * 60)
    assert [(r.name, r.mode) for r in file_routers([file], small, "adapted")] == [("peer", "adapted")]
