"""The yardsticks, above all that the table of subjects never sees the row it scores."""

from __future__ import annotations

import numpy as np

from routers.benchmark.baselines import (
    cross_validated_lookup,
    fold_of,
    has_subjects,
    length_scores,
    ranks,
    subject_lookup,
)
from routers.benchmark.curve import Ranking
from tests.unit.routers.benchmark.build import benchmark


def test_length_counts_characters() -> None:
    """The longer prompt has the higher score."""
    assert length_scores(benchmark([0, 0], [1, 1], prompts=["abc", "ä"])).tolist() == [3.0, 1.0]


def test_lookup_knows_the_mean_gain_of_a_subject() -> None:
    """An unseen subject gets the mean over everything."""
    train = benchmark([0, 0, 1], [1, 0, 1], subjects=["law", "law", "math"])
    test = benchmark([0, 0, 0], [0, 0, 0], subjects=["math", "law", "art"])
    assert subject_lookup(train, test).tolist() == [0.0, 0.5, 1 / 3]


def test_a_row_s_own_outcome_does_not_move_its_score() -> None:
    """An absurd outcome of one row moves the scores of others, its own cross-validated score stays."""
    generator = np.random.default_rng(0)
    subjects = [f"s{i % 4}" for i in range(80)]
    weak, strong = (generator.integers(0, 2, 80).astype(float) for _ in range(2))
    before = cross_validated_lookup(benchmark(weak, strong, subjects=subjects), seed=0)
    strong[7] = 1000.0
    after = cross_validated_lookup(benchmark(weak, strong, subjects=subjects), seed=0)
    assert after[7] == before[7]
    assert not np.array_equal(after, before)


def test_subjects_without_meaning_earn_nothing() -> None:
    """Random subjects average an APGR of a half: not more by peeking, not less by folds that mirror each other."""
    generator = np.random.default_rng(1)
    areas = []
    for seed in range(60):
        weak, strong = generator.random(120), generator.random(120) + 0.5
        subjects = [f"s{i}" for i in generator.integers(0, 5, 120)]
        small = benchmark(weak, strong, subjects=subjects)
        areas.append(float(Ranking.of(cross_validated_lookup(small, seed=seed)).curve(small.gain).area()))
    assert abs(np.mean(areas) - 0.5) < 0.01


def test_subjects_with_meaning_are_found() -> None:
    """Where one of two subjects holds all the gain, the lookup finds it."""
    subjects = ["easy", "hard"] * 50
    small = benchmark([1, 0] * 50, [1, 1] * 50, subjects=subjects)
    assert has_subjects(small)
    assert Ranking.of(cross_validated_lookup(small, seed=0)).curve(small.gain).area() > 0.7
    assert not has_subjects(benchmark([0], [1], subjects=["only"]))


def test_copies_of_a_prompt_share_a_fold() -> None:
    """Case, spaces and punctuation do not make another prompt."""
    prompts = [f"Question {i}?" for i in range(40)] + [f"question  {i}" for i in range(40)]
    folds = fold_of(prompts, seed=0)
    assert np.array_equal(folds[:40], folds[40:])
    assert np.bincount(folds).tolist() == [16] * 5


def test_ranks_are_shares_with_ties_halved() -> None:
    """Equal scores get equal ranks, and ranks average a half."""
    assert ranks(np.array([5.0, 1.0, 1.0, 9.0])).tolist() == [0.625, 0.25, 0.25, 0.875]
