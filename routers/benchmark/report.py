"""Measures routers on a benchmark: figures with intervals, beside the yardsticks, for each way of learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark.baselines import length_scores, oracle_scores
from routers.benchmark.bootstrap import Estimate, Figures, estimate, resampled, shuffled
from routers.benchmark.curve import Ranking, apgr_routellm, random_deviation, random_deviation_at
from routers.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from routers.benchmark.files import Benchmark
    from routers.benchmark.published import Mode

    Floats = NDArray[np.float64]

SHARES: Final = np.linspace(0.0, 1.0, 101)
"""Shares of strong calls at which curves are reported and drawn."""
NORMAL_95: Final = 1.96
LENGTH: Final = "length only"


@dataclass(frozen=True, slots=True)
class Scored:
    """One score a row from one router; a higher one is sent to the strong model first."""

    name: str
    mode: Mode
    scores: Floats


@dataclass(frozen=True, slots=True)
class Prices:
    """What a call to each model costs, or a million tokens of it: only their ratio matters."""

    weak: float
    strong: float

    def saved(self, share: float) -> float:
        """Share of the cost of always calling the strong model that is saved at `share` of strong calls."""
        return (1 - share) * (1 - self.weak / self.strong)


@dataclass(frozen=True, slots=True)
class Calls:
    """Shares of strong calls that reach a quality, and what the last of them saves."""

    cpt50: Estimate
    cpt80: Estimate
    share95: Estimate
    """For 95 % of the strong model's mean outcome."""
    saved95: Estimate | None
    """Share of the cost saved there, None without prices."""


@dataclass(frozen=True, slots=True)
class Line:
    """One router's figures. All are shares of 1; the intervals of `random` are over its orders."""

    name: str
    mode: Mode
    apgr: Estimate
    apgr_routellm: float | None
    """The same by the thresholds of RouteLLM's evaluation code."""
    calls: Calls
    over_length: Estimate | None
    """APGR less that of length alone, paired."""
    recovered: tuple[float, ...]
    """Performance gap recovered at each of `SHARES`."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured on the rows of one benchmark."""

    benchmark: str
    weak_model: str
    strong_model: str
    rows: int
    left_out: Mapping[str, int]
    weak: float
    strong: float
    """Mean outcomes of always calling one model."""
    draws: int
    seed: int
    unusable_draws: int
    """Resamples without a gap to recover, left out of every interval."""
    lines: tuple[Line, ...]
    random_band: tuple[float, ...]
    """1.96 standard deviations of the recovered gap of random calls, at each of `SHARES`."""


def measure(
    benchmark: Benchmark, scored: Sequence[Scored], *, prices: Prices | None, draws: int, seed: int
) -> Report:
    """Figures of `scored` and of the yardsticks on `benchmark`. Raises `BenchmarkError`."""
    if len(benchmark.ids) < 2 or benchmark.gain.sum() <= 0:
        raise BenchmarkError(
            f"`{benchmark.strong_name}` ({benchmark.strong.mean():.4g}) is not better than"
            f" `{benchmark.weak_name}` ({benchmark.weak.mean():.4g}) here: there is no gap to recover"
        )
    routers = [Scored(LENGTH, "zero-shot", length_scores(benchmark)), *scored]
    routers.append(Scored("oracle", "reference", oracle_scores(benchmark)))
    rankings = tuple(_ranking(router) for router in routers)
    sample = resampled(rankings, benchmark, draws=draws, seed=seed)
    length = sample.figures[0].apgr
    lines = [_random(benchmark, prices, draws=draws, seed=seed)]
    for router, ranking, figures in zip(routers, rankings, sample.figures, strict=True):
        lines.append(_line(benchmark, router, ranking, figures, length, prices))
    return Report(
        benchmark=benchmark.name,
        weak_model=benchmark.weak_name,
        strong_model=benchmark.strong_name,
        rows=len(benchmark.ids),
        left_out=benchmark.left_out,
        weak=float(benchmark.weak.mean()),
        strong=float(benchmark.strong.mean()),
        draws=draws,
        seed=seed,
        unusable_draws=sample.unusable,
        lines=tuple(lines),
        random_band=tuple((NORMAL_95 * random_deviation_at(benchmark.gain, SHARES)).tolist()),
    )


def _ranking(router: Scored) -> Ranking:
    try:
        return Ranking.of(router.scores)
    except ValueError as error:
        raise BenchmarkError(f"{router.name}: {error}") from error


def _line(
    benchmark: Benchmark,
    router: Scored,
    ranking: Ranking,
    draws: Figures,
    length: Floats,
    prices: Prices | None,
) -> Line:
    curve = ranking.curve(benchmark.gain)
    point = Figures.of(curve, benchmark.weak.mean(), benchmark.strong.mean())
    over_length = None
    if router.name != LENGTH:
        by_length = Ranking.of(length_scores(benchmark)).curve(benchmark.gain).area()
        over_length = estimate(float(point.apgr - by_length), draws.apgr - length)
    return Line(
        name=router.name,
        mode=router.mode,
        apgr=estimate(float(point.apgr), draws.apgr),
        apgr_routellm=apgr_routellm(router.scores, benchmark.gain),
        over_length=over_length,
        recovered=tuple(curve.recovered_at(SHARES).tolist()),
        calls=_calls(point, draws, prices),
    )


def _random(benchmark: Benchmark, prices: Prices | None, *, draws: int, seed: int) -> Line:
    """The expected curve of random calls is straight; intervals are over its orders, APGR's in closed form."""
    straight = Ranking.of(np.zeros(len(benchmark.ids))).curve(benchmark.gain)
    point = Figures.of(straight, benchmark.weak.mean(), benchmark.strong.mean())
    band = NORMAL_95 * random_deviation(benchmark.gain)
    return Line(
        name="random",
        mode="reference",
        apgr=Estimate(0.5, 0.5 - band, 0.5 + band),
        apgr_routellm=None,
        over_length=None,
        recovered=tuple(SHARES.tolist()),
        calls=_calls(point, shuffled(benchmark, draws=draws, seed=seed), prices),
    )


def _calls(point: Figures, draws: Figures, prices: Prices | None) -> Calls:
    share95 = estimate(float(point.share95), draws.share95)
    saved = None
    if prices is not None:
        # More strong calls save less, so the ends change places.
        value, high, low = (prices.saved(share) for share in (share95.value, share95.low, share95.high))
        saved = Estimate(value, low, high)
    return Calls(
        cpt50=estimate(float(point.cpt50), draws.cpt50),
        cpt80=estimate(float(point.cpt80), draws.cpt80),
        share95=share95,
        saved95=saved,
    )
