"""Intervals that may be looked at after every request: their errors stay rare, their power is that of a fixed test."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.experiments.centring import Centring
from gateway.experiments.sequential import AsymptoticSequence, BettingSequence
from tests.unit.gateway.experiments.simulation import (
    MARGIN,
    World,
    at_most,
    excludes_the_truth,
    stops,
    stops_fixed,
)

RUNS = 200


def rate(rule, world, seed=1):
    rng = np.random.default_rng(seed)
    found = [rule(world, rng) for _ in range(RUNS)]
    return sum(treated is not None for treated in found)


@pytest.mark.parametrize("swing", [0.0, 0.08])
def test_false_stops_are_rare_although_every_request_is_looked_at(swing):
    """At the margin itself, the hardest truth, at most 5 % stop; a daily cycle of the traffic changes nothing."""
    world = World(requests=1_200, share=0.5, effect=-MARGIN, swing=swing)
    assert at_most(rate(stops, world), RUNS) <= 0.05


def test_a_fixed_test_that_is_looked_at_stops_wrongly():
    """Why not a z-test: with its 2.5 % for one look it stops many times as often."""
    world = World(requests=1_200, share=0.5, effect=-MARGIN)
    assert rate(stops_fixed, world) / RUNS > 0.15


def test_a_bad_treatment_is_stopped_soon():
    """Ten points worse than control: eight of ten runs stop within 1,800 requests, half of them within 1,000."""
    rng = np.random.default_rng(2)
    world = World(requests=1_800, share=0.5, effect=-0.1)
    found = [stops(world, rng) for _ in range(60)]
    assert sum(treated is not None for treated in found) >= 48
    assert np.median([treated if treated is not None else 900 for treated in found]) < 500


def test_a_small_share_needs_no_more_treated_requests():
    """With 5 % treated, a treatment that fails four times in ten more is stopped after some tens of its requests."""
    rng = np.random.default_rng(3)
    found = [stops(World(requests=4_000, share=0.05, effect=-0.4), rng) for _ in range(40)]
    assert all(treated is not None and treated < 60 for treated in found)


def test_the_interval_for_costs_holds_at_all_times():
    """Log-normal costs at a share of one fifth: at most 5 % of the runs ever exclude the truth."""
    rng = np.random.default_rng(4)
    missed = sum(excludes_the_truth(1_500, 0.2, rng) for _ in range(RUNS))
    assert missed / RUNS <= 0.05


@pytest.mark.parametrize("sequence", [BettingSequence, AsymptoticSequence])
def test_one_at_a_time_or_all_at_once_is_the_same(sequence):
    """Processes that read the same outcomes in different portions come to the same interval."""
    rng = np.random.default_rng(5)
    outcome, treated, propensity = World(400, 0.3, -0.1).draw(rng)
    whole, pieces = sequence(), sequence()
    whole.fold(outcome, treated, propensity)
    for at in range(0, 400, 7):
        pieces.fold(outcome[at : at + 7], treated[at : at + 7], propensity[at : at + 7])
    one, other = whole.interval(0.95), pieces.interval(0.95)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert whole.arms.means() == pytest.approx(pieces.arms.means())


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_terms_have_the_effect_as_their_mean_in_any_traffic(share):
    """Quality falls from 1 to 0.2 on the way; the terms still average to the effect."""
    rng = np.random.default_rng(6)
    count = 200_000
    treated = rng.random(count) < share
    outcome = np.linspace(1.0, 0.2, count) - 0.1 * treated
    blocks = Centring().blocks(outcome, treated, np.full(count, share))
    mean = np.concatenate([block.psi for block in blocks]).mean()
    assert mean == pytest.approx(-0.1, abs=0.02)


def test_the_interval_narrows_around_the_effect():
    """It holds the truth and is narrower than four fixed-sample standard errors to a side."""
    rng = np.random.default_rng(8)
    outcome, treated, propensity = World(20_000, 0.5, -0.1).draw(rng)
    sequence = BettingSequence([MARGIN, -MARGIN])
    sequence.fold(outcome, treated, propensity)
    interval = sequence.interval(0.95)
    assert interval.low < -0.1 < interval.high < -0.07


def test_nothing_is_said_before_both_arms_have_outcomes():
    """No interval for nothing, and none from one arm alone."""
    sequence = BettingSequence()
    assert sequence.interval(0.95) is None
    sequence.fold(np.ones(50), np.zeros(50, dtype=bool), np.full(50, 0.1))
    assert sequence.interval(0.95) is None
    assert sequence.arms.means() == (1.0, None)


def test_outcomes_of_different_shares_may_be_mixed():
    """Each outcome counts by its own propensity, as when a share was changed on the way."""
    rng = np.random.default_rng(9)
    propensity = np.repeat([0.1, 0.5], 5_000)
    treated = rng.random(10_000) < propensity
    outcome = (rng.random(10_000) < np.where(treated, 0.6, 0.9)).astype(float)
    sequence = BettingSequence()
    sequence.fold(outcome, treated, propensity)
    interval = sequence.interval(0.95)
    assert interval.low < -0.3 < interval.high < -0.2
