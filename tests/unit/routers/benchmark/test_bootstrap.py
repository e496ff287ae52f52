"""Resampling: seeded, paired, and with intervals that cover."""

from __future__ import annotations

import numpy as np

from routers.benchmark.bootstrap import Figures, estimate, resampled, shuffled
from routers.benchmark.curve import Ranking, random_deviation
from tests.unit.routers.benchmark.build import benchmark


def _drawn(generator: np.random.Generator, rows: int):
    """Outcomes whose gain grows with the score: the score is uniform, strong is right where the score says."""
    scores = generator.random(rows)
    weak = (generator.random(rows) > 0.3 + 0.4 * scores).astype(float)
    strong = (generator.random(rows) > 0.2).astype(float)
    return scores, benchmark(weak, strong)


def test_the_same_seed_draws_the_same_rows() -> None:
    """Equal seeds give equal figures, others do not."""
    scores, small = _drawn(np.random.default_rng(0), 200)
    first, again, other = (
        resampled((Ranking.of(scores),), small, draws=100, seed=seed).figures[0].apgr for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_bootstrap_is_paired() -> None:
    """One router twice differs from itself by nothing in every draw."""
    scores, small = _drawn(np.random.default_rng(0), 200)
    ranking = Ranking.of(scores)
    one, two = resampled((ranking, ranking), small, draws=100, seed=0).figures
    assert np.array_equal(one.apgr, two.apgr)


def test_intervals_cover_the_true_figure() -> None:
    """Of 200 small benchmarks drawn from one source, about 95 % of the intervals hold its APGR and CPT(50 %)."""
    generator = np.random.default_rng(3)
    scores, source = _drawn(generator, 400_000)
    truth = Figures.of(Ranking.of(scores).curve(source.gain), source.weak.mean(), source.strong.mean())
    held = np.zeros(2)
    for seed in range(200):
        scores, small = _drawn(generator, 250)
        draws = resampled((Ranking.of(scores),), small, draws=300, seed=seed).figures[0]
        for place, name in enumerate(("apgr", "cpt50")):
            interval = estimate(0.0, getattr(draws, name))
            held[place] += interval.low <= float(getattr(truth, name)) <= interval.high
    assert np.all(held / 200 >= 0.90), held
    assert np.all(held / 200 <= 0.99), held


def test_draws_without_a_gap_are_left_out_and_counted() -> None:
    """Two rows of which one has the whole gain lose it in a quarter of the draws."""
    sample = resampled((Ranking.of([1, 0]),), benchmark([0, 1], [1, 1]), draws=1000, seed=0)
    assert 200 < sample.unusable < 300
    assert len(sample.figures[0].apgr) == 1000 - sample.unusable
    assert np.isfinite(sample.figures[0].apgr).all()


def test_shuffled_routers_spread_as_the_closed_form_says() -> None:
    """The APGR of random orders has mean 0.5 and the analytic deviation."""
    _, small = _drawn(np.random.default_rng(0), 100)
    apgr = shuffled(small, draws=4000, seed=0).apgr
    assert abs(apgr.mean() - 0.5) < 0.01
    assert abs(apgr.std() / random_deviation(small.gain) - 1) < 0.05
