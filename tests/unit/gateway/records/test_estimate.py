"""Estimators against known truth, and against hand-worked examples."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gateway.records.estimate import MAX_BLOCKS, Sample, Sums
from tests.unit.gateway.records.simulation import coverage


def sample(outcome, weight, drawn, model, cell=None, own_cell=None, unit=None):
    """A sample of lists; without cells and with a unit for each row unless given."""
    count = len(outcome)
    none = [-1] * count
    return Sample(
        np.array(outcome, dtype=float),
        np.array(weight, dtype=float),
        np.array(drawn, dtype=bool),
        np.array(model, dtype=float),
        np.array(none if cell is None else cell),
        np.array(none if own_cell is None else own_cell),
        np.arange(count) if unit is None else np.array(unit),
    )


def value(sums, name):
    return sums.estimate(getattr(sums, name)).value


def test_intervals_hold_what_they_say_and_the_naive_one_does_not():
    """Over 300 seeded worlds 95 % intervals hold the truth in 92 to 98 % of them, whatever the outcome model says.

    Looking only at requests that happened to take the new route, as if they were like all others, nearly always
    misses.
    """
    held = coverage(worlds=300, rows=600, share=0.6, draws=400)
    naive = held.pop("naive")
    assert all(0.92 <= share <= 0.98 for share in held.values()), held
    assert naive < 0.25


def test_figures_of_four_rows():
    """Worked by hand: two drawn rows of which one matches with weight 2, one that stays, one that nobody drew."""
    sums = Sums(
        sample(
            outcome=[1.0, 0.0, 0.5, 0.2],
            weight=[2.0, 0.0, 1.0, 0.0],
            drawn=[True, True, False, False],
            model=[0.6, 0.7, 9.0, 0.9],
        ),
        seed=1,
    )
    assert value(sums, "ips") == pytest.approx((2 - 1) / 4)
    assert value(sums, "snips") == pytest.approx((2 / 2 * 2 - 1) / 4)
    dr = (0.6 + 2 * (1 - 0.6) - 1) + (0.7 - 0) + 0 + (0.9 - 0.2)
    assert value(sums, "dr") == pytest.approx(dr / 4)
    assert value(sums, "mean") == pytest.approx(1.7 / 4)
    assert value(sums, "overlap") == pytest.approx(1.0)
    assert sums.effective == pytest.approx(1.0)
    assert sums.drawn == 2


def test_a_mean_of_measured_outcomes_stands_in_for_a_model():
    """The changed row is predicted by the mean of its cell; that mean is uncertain, and the interval says so."""
    outcome = [100.0] * 20 + [200.0, 300.0] * 20
    cell, own = [0] * 20 + [-1] * 40, [-1] * 20 + [0] * 40
    weight = [0.0] * 20 + [1.0] * 40
    sums = Sums(sample(outcome, weight, [False] * 60, [0.0] * 60, cell, own), seed=1)
    found = sums.estimate(sums.dr)
    assert found.value == pytest.approx(20 * (250 - 100) / 60)
    assert found.low < found.value < found.high


def test_what_does_not_change_is_exactly_zero():
    """No interval is drawn around a certainty."""
    sums = Sums(sample([1.0, 5.0, 2.0], [1.0] * 3, [False] * 3, [0.0] * 3), seed=1)
    found = sums.estimate(sums.dr)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_what_was_drawn_together_is_resampled_together():
    """Ten sessions of a hundred requests are worth ten draws, not a thousand."""
    rng = np.random.default_rng(3)
    by_session = rng.normal(size=10).repeat(100)
    arguments = (by_session, [0.0] * 1000, [False] * 1000, [0.0] * 1000)
    apart = Sums(sample(*arguments), seed=1)
    together = Sums(sample(*arguments, unit=np.arange(10).repeat(100)), seed=1)
    narrow, wide = apart.estimate(apart.mean), together.estimate(together.mean)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_the_same_seed_gives_the_same_figures():
    """A report can be made again to the last digit."""
    rng = np.random.default_rng(5)
    rows = sample(rng.random(50), rng.random(50), [True] * 50, [0.5] * 50)
    one, two = Sums(rows, seed=7), Sums(rows, seed=7)
    assert one.estimate(one.ips) == two.estimate(two.ips)


def test_a_hundred_thousand_rows_take_seconds():
    """Rows beyond 2,000 units share blocks, which are resampled instead."""
    rng = np.random.default_rng(5)
    count = 100_000
    rows = sample(rng.random(count), rng.random(count), [True] * count, [0.5] * count)
    start = time.process_time()
    sums = Sums(rows, seed=7)
    sums.estimate(sums.dr)
    assert sums.blocks == MAX_BLOCKS
    assert time.process_time() - start < 5
