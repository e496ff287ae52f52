"""Intervals by the paired bootstrap: every router sees the same resampled rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark.curve import Ranking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from routers.benchmark.curve import Curve
    from routers.benchmark.files import Benchmark

    Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
QUALITY: Final = 0.95
"""The share of the strong model's mean outcome at which cost is compared."""
_CELLS: Final = 2_000_000
"""Draws times rows held in memory at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one curve (shape ()) or of a batch of curves (shape (draws,)); all are shares of 1."""

    apgr: Floats
    cpt50: Floats
    cpt80: Floats
    share95: Floats
    """Share of strong calls at which the mean outcome is 95 % of the strong model's."""

    @classmethod
    def of(cls, curve: Curve, weak: Floats, strong: Floats) -> Figures:
        """Read the figures off `curve`, given the mean outcomes of the two models, shape () or (draws,)."""
        target = (QUALITY * strong - weak) / (strong - weak)
        return cls(
            apgr=curve.area(),
            cpt50=curve.share_at(0.5),
            cpt80=curve.share_at(0.8),
            share95=curve.share_at(np.minimum(target, 1.0)),
        )

    @classmethod
    def joined(cls, parts: list[Figures]) -> Figures:
        """The batches in `parts` as one."""
        apgr, cpt50, cpt80, share95 = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("apgr", "cpt50", "cpt80", "share95")
        )
        return cls(apgr=apgr, cpt50=cpt50, cpt80=cpt80, share95=share95)


@dataclass(frozen=True, slots=True)
class Resampled:
    """Figures of every router over the same draws, and how many draws had no gap to recover."""

    figures: tuple[Figures, ...]
    unusable: int


def resampled(rankings: tuple[Ranking, ...], benchmark: Benchmark, *, draws: int, seed: int) -> Resampled:
    """Figures of each of `rankings` on `draws` resamples of the rows.

    The scores stay as they are: what is resampled is the benchmark, not the training of a router.
    A draw in which the strong model is not better than the weak one is left out and counted.
    """
    parts: list[list[Figures]] = [[] for _ in rankings]
    used = 0
    gain = benchmark.gain
    for counts in _resamples(len(gain), draws, seed):
        usable = counts[(counts * gain).sum(axis=1) > 0]
        used += len(usable)
        weak, strong = ((usable * model).mean(axis=1) for model in (benchmark.weak, benchmark.strong))
        for part, ranking in zip(parts, rankings, strict=True):
            part.append(Figures.of(ranking.curve(gain, usable), weak, strong))
    return Resampled(tuple(Figures.joined(part) for part in parts), unusable=draws - used)


def shuffled(benchmark: Benchmark, *, draws: int, seed: int) -> Figures:
    """Figures of `draws` routers that send rows to the strong model in random order; the rows stay as they are."""
    gain = benchmark.gain
    generator = np.random.default_rng(seed)
    ranking = Ranking.of(-np.arange(len(gain)))
    parts = []
    for size in _chunks(len(gain), draws):
        orders = generator.permuted(np.broadcast_to(gain, (size, len(gain))), axis=1)
        weak, strong = (np.full(size, model.mean()) for model in (benchmark.weak, benchmark.strong))
        parts.append(Figures.of(ranking.curve(orders), weak, strong))
    return Figures.joined(parts)


def estimate(value: float, draws: Floats) -> Estimate:
    """`value` with the percentile interval of `draws`."""
    if not len(draws):
        return Estimate(value, float("nan"), float("nan"))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return Estimate(value, float(low), float(high))


def _resamples(rows: int, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each row was drawn, shape (some draws, rows), until all draws are done."""
    generator = np.random.default_rng(seed)
    for size in _chunks(rows, draws):
        drawn = generator.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows)


def _chunks(rows: int, draws: int) -> Iterator[int]:
    size = max(1, _CELLS // rows)
    for start in range(0, draws, size):
        yield min(size, draws - start)
