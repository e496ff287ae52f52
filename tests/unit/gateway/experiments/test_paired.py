"""Sequences for pairs: rare errors at all times, and no matter in which portions they are read."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.experiments.paired import PairedBetting, PairedMixture
from tests.unit.gateway.experiments.simulation import at_most

RUNS, PAIRS, LOOK = 150, 600, 20


def ever_excludes(sequence, control, treatment, truth) -> bool:
    """Whether the interval, looked at all the time, is without the truth once."""
    for start in range(0, len(control), LOOK):
        sequence.fold(control[start : start + LOOK], treatment[start : start + LOOK])
        found = sequence.interval(0.95)
        if found is not None and not found.low <= truth <= found.high:
            return True
    return False


def test_agreement_is_seldom_excluded_although_it_is_looked_at_all_the_time():
    """Of two targets that agree in nine of ten requests."""
    rng = np.random.default_rng(1)
    ones = np.ones(PAIRS)
    missed = sum(
        ever_excludes(PairedBetting(), ones, (rng.random(PAIRS) < 0.9).astype(float), -0.1)
        for _ in range(RUNS)
    )
    assert at_most(missed, RUNS) <= 0.05


def test_a_difference_of_costs_is_seldom_excluded():
    """Log-normal costs, of which the shadow's are larger by a fifth in each request."""
    rng = np.random.default_rng(2)
    truth, missed = 0.2 * np.exp(0.5), 0
    for _ in range(RUNS):
        control = rng.lognormal(0.0, 1.0, PAIRS)
        missed += ever_excludes(PairedMixture(), control, 1.2 * control, truth)
    assert missed / RUNS <= 0.05


@pytest.mark.parametrize("sequence", [PairedBetting, PairedMixture])
def test_one_at_a_time_or_all_at_once_is_the_same(sequence):
    """Processes that read the same pairs in different portions come to the same interval."""
    rng = np.random.default_rng(3)
    control, treatment = rng.random(300), rng.random(300)
    whole, pieces = sequence(), sequence()
    whole.fold(control, treatment)
    for at in range(0, 300, 7):
        pieces.fold(control[at : at + 7], treatment[at : at + 7])
    one, other = whole.interval(0.95), pieces.interval(0.95)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert whole.pairs.means() == pytest.approx(pieces.pairs.means())


def test_too_few_pairs_say_nothing():
    """Betting speaks from the first pair, the normal approximation from the hundredth."""
    few = np.full(99, 0.5)
    for sequence, speaks in ((PairedBetting(), True), (PairedMixture(), False)):
        assert sequence.interval(0.95) is None
        sequence.fold(few, few)
        assert (sequence.interval(0.95) is not None) is speaks
