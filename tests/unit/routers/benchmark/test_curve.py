"""Figures of curves that can be worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from routers.benchmark.curve import Ranking, apgr_routellm, random_deviation, random_deviation_at


def test_a_curve_goes_through_the_gap_recovered_after_each_row() -> None:
    """Gains 1, 0, -1, 2 in this order recover 1/2, 1/2, 0 and all of a gap of 2."""
    curve = Ranking.of([4, 3, 2, 1]).curve(np.array([1.0, 0.0, -1.0, 2.0]))
    assert curve.share.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert curve.recovered.tolist() == [0.0, 0.5, 0.5, 0.0, 1.0]
    assert curve.area() == pytest.approx((0.25 + 0.5 + 0.25 + 0.5) / 4)


def test_call_performance_threshold_is_the_first_share_that_reaches_the_target() -> None:
    """A curve that dips again has its threshold at the first crossing, between rows by interpolation."""
    curve = Ranking.of([4, 3, 2, 1]).curve(np.array([1.0, 0.0, -1.0, 2.0]))
    assert curve.share_at(0.5) == 0.25
    assert curve.share_at(0.25) == 0.125
    assert curve.share_at(0.8) == pytest.approx(0.75 + 0.25 * 0.8)
    assert curve.share_at(-0.3) == 0.0
    assert curve.share_at(1.0) == 1.0


def test_tied_rows_count_as_the_mean_over_every_order_among_them() -> None:
    """The area with ties equals the average area over all ways to break them."""
    gain = np.array([1.0, -1.0, 0.0, 1.0, 1.0])
    tied = Ranking.of([2, 1, 1, 1, 0]).curve(gain)
    broken = [
        float(Ranking.of([9, *order, 0]).curve(gain).area()) for order in itertools.permutations((1, 2, 3))
    ]
    assert tied.area() == pytest.approx(np.mean(broken))
    assert tied.share.tolist() == [0.0, 0.2, 0.8, 1.0]


def test_one_score_for_all_is_a_random_router() -> None:
    """Constant scores earn nothing for the order in which the file lists its rows."""
    curve = Ranking.of([7, 7, 7, 7]).curve(np.array([1.0, 1.0, 0.0, 0.0]))
    assert curve.area() == 0.5
    assert curve.share_at(0.8) == pytest.approx(0.8)


def test_counting_rows_is_the_same_as_repeating_them() -> None:
    """A resample by counts gives the curve of the rows written out."""
    scores, gain, counts = [3.0, 2.0, 1.0], np.array([1.0, -1.0, 2.0]), np.array([[2, 0, 3], [1, 1, 1]])
    batch = Ranking.of(scores).curve(gain, counts)
    for row, times in enumerate(counts):
        written_out = Ranking.of(np.repeat(scores, times)).curve(np.repeat(gain, times))
        assert batch.area()[row] == pytest.approx(float(written_out.area()))
        assert batch.share_at(0.5)[row] == pytest.approx(float(written_out.share_at(0.5)))


def test_routellm_thresholds_join_the_points_at_the_deciles() -> None:
    """Eleven deciles of eleven rows select 11, 10, ... 2 rows, and the last threshold, strict, selects none."""
    gain = np.array([1.0, 0, 0, 1, -1, 1, 0, 1, 1, 0, 1])
    exact = Ranking.of(np.arange(11.0)).curve(gain)
    tried = [k for k in range(12) if k != 1]
    expected = np.trapezoid(exact.recovered[tried], exact.share[tried])
    assert apgr_routellm(np.arange(11.0), gain) == pytest.approx(float(expected))
    assert apgr_routellm(np.exp(np.arange(11.0)), gain) == pytest.approx(float(expected))


def test_a_score_that_is_not_a_number_is_named() -> None:
    """The error gives the row."""
    with pytest.raises(ValueError, match="row 2"):
        Ranking.of([1.0, float("nan")])


def test_deviation_of_random_routers_is_that_of_shuffling() -> None:
    """Closed forms for APGR and for the gap recovered agree with all orders of a small benchmark."""
    gain = np.array([1.0, -1.0, 0.0, 1.0, 2.0])
    curves = [
        Ranking.of([5, 4, 3, 2, 1]).curve(np.array(order)) for order in itertools.permutations(gain.tolist())
    ]
    assert random_deviation(gain) == pytest.approx(np.std([curve.area() for curve in curves]))
    at_two = np.std([curve.recovered[2] for curve in curves])
    assert random_deviation_at(gain, np.array([0.4]))[0] == pytest.approx(at_two)
