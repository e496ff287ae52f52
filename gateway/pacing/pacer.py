"""From what requests took to the prices in force: the controller of `limits`, pure, one step per interval."""

from __future__ import annotations

import msgspec

from gateway.pacing.forecast import DAY_S, Forecast
from gateway.pacing.price import Price

SLOW_SHARE = 0.05
"""Requests that may be slower than `latency_p95_ms`."""
_FEWEST = 20  # requests of a day before its budget is charged for: before, nothing is known about the rest


class Taken(msgspec.Struct, frozen=True):
    """What finished requests took. Answers of unknown price count as requests only."""

    requests: int = 0
    usd: float = 0.0
    slow: int = 0

    def plus(self, more: Taken) -> Taken:
        """Both together."""
        return Taken(self.requests + more.requests, self.usd + more.usd, self.slow + more.slow)


class Pacing(msgspec.Struct, frozen=True):
    """Everything the controller remembers; kept in the database and shared by all gateways."""

    at: float = 0.0
    spent_usd: float = 0.0
    """Of the UTC day of `at`."""
    forecast: Forecast = Forecast()
    money: Price = Price()
    time: Price = Price()
    usd_per_day: float | None = None
    latency_p95_ms: float | None = None
    """The limits of the last step, for whoever reads the state alone."""


class Prices(msgspec.Struct, frozen=True):
    """What decisions are charged: success per USD, and per second."""

    usd: float = 0.0
    s: float = 0.0


def step(
    state: Pacing, taken: Taken, now: float, *, usd_per_day: float | None, latency_p95_ms: float | None
) -> tuple[Pacing, Prices]:
    """The state and the prices after the requests that ended since the last step."""
    new_day = int(now // DAY_S) != int(state.at // DAY_S)
    spent = (0.0 if new_day else state.spent_usd) + taken.usd
    forecast = state.forecast.with_requests(taken.requests, now)
    money, usd = state.money, 0.0
    if usd_per_day is not None and sum(forecast.today) + sum(forecast.remembered) >= _FEWEST:
        allowed = max(0.0, usd_per_day - spent) / max(1.0, forecast.remaining(now))
        money = money.after(taken.usd / max(1, taken.requests), allowed, taken.requests)
        usd = money.charged(allowed)
    time, s = state.time, 0.0
    if latency_p95_ms is not None:
        time = time.after(taken.slow / max(1, taken.requests), SLOW_SHARE, taken.requests)
        s = time.charged(1.0) / (latency_p95_ms / 1000)
    return Pacing(now, spent, forecast, money, time, usd_per_day, latency_p95_ms), Prices(usd, s)
