"""Laws of the routing benchmark's figures, for arbitrary outcomes and scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routers.benchmark.bootstrap import resampled, shuffled
from routers.benchmark.curve import Ranking, apgr_routellm
from tests.unit.routers.benchmark.build import benchmark

QUARTERS = st.integers(0, 4).map(lambda quarter: quarter / 4)
"""Outcomes whose sums are exact, so that equal means equal."""
ROWS = st.lists(st.tuples(QUARTERS, QUARTERS, st.integers(-4, 4)), min_size=2, max_size=40)
SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=6).map(sorted)


def _split(rows):
    """Weak outcomes, strong outcomes and scores (with ties) of a benchmark with a gap to recover."""
    weak, strong, scores = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assume((strong - weak).sum() > 0)
    return weak, strong, scores


@given(ROWS)
def test_no_order_recovers_more_than_the_oracle_at_any_share(rows) -> None:
    """The oracle's curve lies on or above every other, and so do its figures."""
    weak, strong, scores = _split(rows)
    gain = strong - weak
    own, oracle = Ranking.of(scores).curve(gain), Ranking.of(gain).curve(gain)
    shares = np.linspace(0, 1, 23)
    assert np.all(own.recovered_at(shares) <= oracle.recovered_at(shares) + 1e-9)
    assert own.area() <= oracle.area() + 1e-9
    assert own.share_at(0.5) >= oracle.share_at(0.5) - 1e-9


@given(ROWS)
def test_strictly_monotone_transforms_of_the_scores_change_nothing(rows) -> None:
    """Figures depend on the order of the scores alone."""
    weak, strong, scores = _split(rows)
    gain = strong - weak
    plain = Ranking.of(scores).curve(gain)
    for transform in (np.exp, np.arctan, lambda s: 1e-6 * s - 7, lambda s: s**3):
        moved = Ranking.of(transform(scores)).curve(gain)
        assert np.array_equal(plain.share, moved.share)
        assert np.array_equal(plain.recovered, moved.recovered)
        assert apgr_routellm(scores, gain) == apgr_routellm(transform(scores), gain)


@given(ROWS)
def test_reversed_scores_have_the_complementary_area(rows) -> None:
    """Sending rows in the opposite order gives 1 - APGR, ties or not."""
    weak, strong, scores = _split(rows)
    gain = strong - weak
    forward, backward = (float(Ranking.of(sign * scores).curve(gain).area()) for sign in (1, -1))
    assert forward + backward == pytest.approx(1.0)


@given(ROWS, SHARES)
def test_recovering_more_never_takes_fewer_calls(rows, targets) -> None:
    """CPT rises with its target, lies in 0-1, and its share does recover the target."""
    weak, strong, scores = _split(rows)
    curve = Ranking.of(scores).curve(strong - weak)
    needed = [float(curve.share_at(target)) for target in targets]
    assert needed == sorted(needed)
    assert all(0 <= share <= 1 for share in needed)
    assert curve.recovered_at(np.array(needed)) == pytest.approx(np.maximum(targets, 0), abs=1e-9)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_in_the_file_does_not_matter(rows, random) -> None:
    """Shuffling the rows, ties among them included, leaves the area as it was."""
    weak, strong, scores = _split(rows)
    gain = strong - weak
    order = list(range(len(rows)))
    random.shuffle(order)
    moved = Ranking.of(scores[order]).curve(gain[order])
    assert moved.area() == pytest.approx(float(Ranking.of(scores).curve(gain).area()))


@given(ROWS, st.integers(0, 1000))
def test_random_routers_average_one_half(rows, seed) -> None:
    """Whatever the outcomes, the mean APGR of random orders is 0.5 within its sampling error."""
    weak, strong, _ = _split(rows)
    apgr = shuffled(benchmark(weak, strong), draws=400, seed=seed).apgr
    assert abs(apgr.mean() - 0.5) <= 5 * apgr.std() / 20 + 1e-9


@given(ROWS, st.integers(0, 1000))
def test_no_draw_beats_the_oracle_of_the_same_draw(rows, seed) -> None:
    """The bootstrap is paired: draw by draw the oracle is the bound."""
    weak, strong, scores = _split(rows)
    rankings = (Ranking.of(scores), Ranking.of(strong - weak))
    own, oracle = resampled(rankings, benchmark(weak, strong), draws=50, seed=seed).figures
    assert np.all(own.apgr <= oracle.apgr + 1e-9)
    assert np.all(own.share95 >= oracle.share95 - 1e-9)
