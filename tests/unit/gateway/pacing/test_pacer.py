"""Limits hold, and what they leave is spent where it buys most."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.pacing.forecast import DAY_S, Forecast
from gateway.pacing.pacer import Pacing, Prices, Taken, step
from gateway.pacing.price import CEILING, Price
from tests.unit.gateway.pacing.simulation import DAYS, by_rank, paced, thresholds_that_hold, week


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_a_budget_holds_and_no_threshold_does_better(share):
    """Every day ends within 5 % of its budget; quality is above the best threshold in hindsight, near the optimum."""
    traffic = week(np.random.default_rng(1), per_day=5_000)
    budget = share * float(traffic.cost.sum()) / DAYS
    large = paced(traffic, budget)
    assert traffic.spent(large) == pytest.approx(np.full(DAYS, budget), rel=0.05)
    quality = traffic.quality(large)
    hindsight = traffic.quality(by_rank(traffic, traffic.gain, DAYS * budget))
    optimum = traffic.quality(by_rank(traffic, traffic.gain / traffic.cost, DAYS * budget))
    assert quality > hindsight > max(thresholds_that_hold(traffic, budget))
    assert optimum - 0.02 < quality <= optimum + 0.001


def test_a_budget_that_is_never_reached_costs_nothing():
    """While the limit is slack the price is 0: every request goes where it is answered best."""
    traffic = week(np.random.default_rng(2), per_day=1_000)
    large = paced(traffic, 3 * float(traffic.spent(np.ones(len(traffic.at), dtype=bool)).max()))
    assert traffic.quality(large) > traffic.quality(np.ones_like(large)) - 0.005


def test_a_budget_that_is_spent_makes_everything_too_dear():
    """The price is finite, so that targets can still be compared, and far above any success."""
    noon = DAY_S / 2
    state, prices = step(Pacing(), Taken(100, 60.0), noon, usd_per_day=50.0, latency_p95_ms=None)
    assert prices.usd == CEILING
    _, prices = step(state, Taken(0, 0.0), noon + DAY_S, usd_per_day=50.0, latency_p95_ms=None)
    assert prices.usd < 10.0, "a new day has a new budget"


def test_slow_answers_are_priced_until_one_in_twenty_is_slow():
    """A fast target of success 0.8 and a slow one of 0.9, of which every second answer is above the limit."""
    rng = np.random.default_rng(3)
    state, prices, slow_share = Pacing(), Prices(), []
    for second in range(3_000):
        gain = rng.normal(0.1, 0.05, 10)
        slow_target = gain > prices.s * (1.2 - 0.2)
        slow = int((rng.random(10) < 0.5 * slow_target).sum())
        slow_share.append(slow / 10)
        state, prices = step(
            state, Taken(10, 0.0, slow), float(second), usd_per_day=None, latency_p95_ms=800.0
        )
    assert np.mean(slow_share[500:]) == pytest.approx(0.05, abs=0.01)
    assert prices.usd == 0.0


def test_without_limits_there_are_no_prices():
    """Whatever requests take, nothing is charged."""
    _, prices = step(Pacing(), Taken(10_000, 1e6, 10_000), 1.0, usd_per_day=None, latency_p95_ms=None)
    assert prices == Prices(0.0, 0.0)


def test_the_first_requests_of_a_first_day_are_not_charged():
    """Before some requests have come, nothing is known about how many will."""
    _, prices = step(Pacing(), Taken(5, 1.0), 60.0, usd_per_day=50.0, latency_p95_ms=None)
    assert prices.usd == 0.0


def test_the_forecast_takes_the_shape_of_yesterday_and_the_level_of_today():
    """Half as busy as yesterday by noon: half of yesterday's afternoon is still to come."""
    forecast = Forecast()
    for hour in range(24):
        forecast = forecast.with_requests(100 if hour < 12 else 300, hour * 3600.0)
    for hour in range(12):
        forecast = forecast.with_requests(50, DAY_S + hour * 3600.0)
    assert forecast.remaining(1.5 * DAY_S) == pytest.approx(1_800, rel=0.1)


def test_without_a_yesterday_the_rest_of_the_day_is_like_its_beginning():
    """A quarter of the day with 100 requests leaves three quarters with 300."""
    assert Forecast().with_requests(100, DAY_S / 4).remaining(DAY_S / 4) == pytest.approx(300)


def test_a_price_moves_towards_its_limit_and_stays_in_bounds():
    """Too much taken: up; too little: down; nothing happened: the same; never to zero or beyond all bounds."""
    price = Price()
    assert price.after(2.0, 1.0, 50).level > price.level > price.after(0.5, 1.0, 50).level
    assert price.after(5.0, 1.0, 0) == price
    for _ in range(10_000):
        price = price.after(0.0, 1.0, 1_000)
    assert price.charged(1.0) == 0.0
    assert price.after(9.0, 1.0, 1_000).level > price.level
