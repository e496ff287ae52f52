"""Heads fitted to part of a benchmark, tested on the rest."""

from __future__ import annotations

import numpy as np
import pytest

from routers.benchmark.adapt import fit, split
from routers.benchmark.errors import BenchmarkError
from tests.unit.routers.benchmark.build import benchmark


def test_no_prompt_is_on_both_sides() -> None:
    """Copies of a prompt that was learnt from are not tested on."""
    prompts = [f"Question {i // 2}{'?' * (i % 2)}" for i in range(100)]
    small = benchmark([0] * 100, [1] * 100, prompts=prompts)
    parts = split(small, 40, seed=0)
    assert len(parts.train) == 40
    learnt = {prompts[i].rstrip("?") for i in parts.train}
    assert learnt.isdisjoint(prompts[i].rstrip("?") for i in parts.test)
    assert len(parts.test) == sum(prompt.rstrip("?") not in learnt for prompt in prompts)


def test_the_seed_chooses_the_rows() -> None:
    """Equal seeds learn from equal rows."""
    small = benchmark([0] * 60, [1] * 60)
    assert np.array_equal(split(small, 20, seed=1).train, split(small, 20, seed=1).train)
    assert not np.array_equal(split(small, 20, seed=1).train, split(small, 20, seed=2).train)


@pytest.mark.parametrize("labelled", [0, 9, 51, 60, 1000])
def test_both_sides_need_rows(labelled) -> None:
    """Too few rows on either side are refused with the range that works."""
    with pytest.raises(BenchmarkError, match="10 to 50 can be learnt from"):
        split(benchmark([0] * 60, [1] * 60), labelled, seed=0)


def test_a_head_finds_the_direction_that_matters() -> None:
    """Of 300 columns, more than there are rows, one carries the gain; unseen rows are ordered by it."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(600, 300))
    gain = np.clip(vectors[:, 5] + generator.normal(size=600), -1, 1)
    head = fit(vectors[:250], gain[:250])
    assert np.corrcoef(head(vectors[250:]), vectors[250:, 5])[0, 1] > 0.4


def test_noise_is_not_learnt() -> None:
    """Where nothing can be learnt the penalty grows until the head is nearly constant."""
    generator = np.random.default_rng(1)
    vectors, gain = generator.normal(size=(400, 200)), generator.normal(size=400)
    assert fit(vectors, gain)(generator.normal(size=(500, 200))).std() < 0.15


def test_a_constant_column_does_no_harm() -> None:
    """Columns without spread are ignored."""
    vectors = np.column_stack([np.arange(50.0), np.full(50, 3.0)])
    scores = fit(vectors, np.arange(50.0) / 50)(vectors)
    assert np.all(np.diff(scores) > 0)
