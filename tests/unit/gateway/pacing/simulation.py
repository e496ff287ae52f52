"""A week of traffic under a daily budget: the shadow price beside thresholds chosen in hindsight.

`python -m tests.unit.gateway.pacing.simulation` prints the table of the lab notebook (about a minute).
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gateway.pacing.forecast import DAY_S
from gateway.pacing.pacer import Pacing, Prices, Taken, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Choice = NDArray[np.bool_]

DAYS = 7


@dataclass(frozen=True)
class Week:
    """Requests in order of arrival, each with what a small (free) and a large target would make of it."""

    at: Floats
    small: Floats
    large: Floats
    cost: Floats
    """USD of the large target."""

    @property
    def gain(self) -> Floats:
        """Success that the large target adds."""
        return self.large - self.small

    @property
    def day(self) -> NDArray[np.int_]:
        """Which day each request belongs to."""
        return (self.at // DAY_S).astype(int)

    def quality(self, large: Choice) -> float:
        """Mean success if these requests go to the large target."""
        return float(np.where(large, self.large, self.small).mean())

    def spent(self, large: Choice) -> Floats:
        """USD of each day."""
        return np.bincount(self.day[large], self.cost[large], minlength=DAYS)


def week(rng: np.random.Generator, per_day: int, *, drift: bool = True) -> Week:
    """Nine times as many requests at the peak as at night; over the week they become harder and half as dear again."""
    times = []
    for day in range(DAYS):
        count = rng.poisson(per_day)
        drawn = rng.random(4 * count + 100) * DAY_S
        busy = (1 + 0.8 * np.sin(2 * np.pi * (drawn / DAY_S - 0.35))) / 1.8
        times.append(day * DAY_S + np.sort(drawn[rng.random(len(drawn)) < busy][:count]))
    at = np.concatenate(times)
    passed = at / (DAYS * DAY_S) if drift else np.zeros(len(at))
    hard = rng.beta(2.0, 3.0 - passed)
    cost = rng.lognormal(-5.5, 0.8, len(at)) * (1.0 + 0.5 * passed)
    return Week(at, 1.0 - hard, 1.0 - 0.35 * hard, cost)


def paced(traffic: Week, usd_per_day: float, every_s: float = 60.0) -> Choice:
    """The choices of the shadow price, which is corrected every so many seconds and knows nothing in advance."""
    state, prices = Pacing(), Prices()
    large = np.zeros(len(traffic.at), dtype=bool)
    edges = np.searchsorted(traffic.at, np.arange(0.0, DAYS * DAY_S + every_s, every_s))
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        part = slice(start, end)
        large[part] = traffic.gain[part] > prices.usd * traffic.cost[part]
        usd = float(traffic.cost[part][large[part]].sum())
        now = (number + 1) * every_s - 1e-3
        state, prices = step(
            state, Taken(int(end - start), usd), now, usd_per_day=usd_per_day, latency_p95_ms=None
        )
    return large


def by_rank(traffic: Week, score: Floats, usd: float) -> Choice:
    """The requests of highest score whose costs add up to `usd`: the best threshold on it in hindsight."""
    order = np.argsort(-score)
    large = np.zeros(len(score), dtype=bool)
    large[order[: int(np.searchsorted(np.cumsum(traffic.cost[order]), usd))]] = True
    return large


def thresholds_that_hold(traffic: Week, usd_per_day: float) -> list[float]:
    """Quality of every threshold on the gain, of 400, that overspends on no day by more than 5 %."""
    found = []
    for least in np.quantile(traffic.gain, np.linspace(0, 1, 400)):
        large = traffic.gain >= least
        if traffic.spent(large).max() <= 1.05 * usd_per_day:
            found.append(traffic.quality(large))
    return found


def _report() -> None:
    sys.stdout.write(
        "requests/day  USD/day  spent/budget by day  quality: paced, best threshold, one that holds, oracle\n"
    )
    for per_day in (500, 5_000, 20_000):
        for share in (0.1, 0.3, 0.7):
            traffic = week(np.random.default_rng(per_day), per_day)
            budget = share * float(traffic.cost.sum()) / DAYS
            large = paced(traffic, budget)
            threshold = by_rank(traffic, traffic.gain, DAYS * budget)
            oracle = by_rank(traffic, traffic.gain / traffic.cost, DAYS * budget)
            days = " ".join(f"{value:.3f}" for value in traffic.spent(large) / budget)
            qualities = [traffic.quality(choice) for choice in (large, threshold)]
            qualities += [max(thresholds_that_hold(traffic, budget)), traffic.quality(oracle)]
            written = " ".join(f"{value:.4f}" for value in qualities)
            sys.stdout.write(f"{per_day:>6} {budget:8.2f}  {days}  {written}\n")


if __name__ == "__main__":
    _report()
