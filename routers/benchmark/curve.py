"""Performance gap recovered against the share of strong calls, and the figures read off that curve.

Definitions of Ong et al., RouteLLM (arXiv 2406.18665, section 2): with the mean outcome of the router r, of the
weak model w and of the strong model s, PGR = (r - w) / (s - w). APGR averages PGR over the share of strong calls;
CPT(x) is the smallest share of strong calls whose PGR is x.

A row's gain is its strong outcome less its weak one. Sending rows to the strong model in the order of their
scores, the PGR after k rows is the sum of their gains over the sum of all gains. Rows of equal score are joined
by a straight line, which is the expected PGR over every order among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ROUTELLM_BINS: Final = 10
"""RouteLLM's evaluation tries the deciles of the scores as thresholds."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Corners of one PGR curve, or of a batch of them: both arrays have shape (..., corners).

    `share` rises from 0 to 1, `recovered` goes from 0 to 1 and may leave this range between.
    """

    share: Floats
    recovered: Floats

    def area(self) -> Floats:
        """APGR, exactly: the area under the curve, with no choice of thresholds. Shape (...)."""
        heights = (self.recovered[..., 1:] + self.recovered[..., :-1]) / 2
        return np.asarray((np.diff(self.share, axis=-1) * heights).sum(axis=-1))

    def share_at(self, target: ArrayLike) -> Floats:
        """The smallest share of strong calls that recovers `target` (at most 1), shape (...)."""
        wanted = np.broadcast_to(np.asarray(target, dtype=np.float64), self.recovered.shape[:-1])[..., None]
        after = (self.recovered >= wanted).argmax(axis=-1)[..., None]
        before = np.maximum(after - 1, 0)
        low, high = (np.take_along_axis(self.recovered, i, axis=-1) for i in (before, after))
        start, end = (np.take_along_axis(self.share, i, axis=-1) for i in (before, after))
        part = (wanted - low) / np.where(high > low, high - low, 1.0)
        return np.asarray(np.where(after > 0, start + part * (end - start), 0.0)[..., 0])

    def recovered_at(self, shares: Floats) -> Floats:
        """PGR of a single curve at each of `shares`, shape (len(shares),)."""
        return np.asarray(np.interp(shares, self.share, self.recovered))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows in the order in which a router sends them to the strong model, equal scores grouped."""

    order: NDArray[np.intp]
    ends: NDArray[np.intp]
    """Position in `order` of each group's last row."""

    @classmethod
    def of(cls, scores: ArrayLike) -> Ranking:
        """Order rows by score, highest first. Raises ValueError where a score is not a number."""
        values = np.asarray(scores, dtype=np.float64)
        if np.isnan(values).any():
            raise ValueError(f"the score of row {int(np.isnan(values).argmax()) + 1} is not a number")
        order = np.argsort(-values, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
        return cls(order=order, ends=ends)

    def curve(self, gain: Floats, counts: NDArray[np.int64] | None = None) -> Curve:
        """The curve for `gain`, shape (..., rows); row i counts `counts[..., i]` times, once where not given.

        Where the counted gains do not sum to more than 0 there is no gap to recover, and the curve means nothing.
        """
        shape = np.broadcast_shapes(gain.shape, () if counts is None else counts.shape)
        weights = np.ones(shape) if counts is None else counts.astype(np.float64)
        share = self._accumulate(np.broadcast_to(weights, shape))
        recovered = self._accumulate(np.broadcast_to(weights * gain, shape))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Curve(share / share[..., -1:], recovered / recovered[..., -1:])

    def _accumulate(self, values: Floats) -> Floats:
        sums = np.cumsum(values[..., self.order], axis=-1)[..., self.ends]
        return np.concatenate([np.zeros((*sums.shape[:-1], 1)), sums], axis=-1)


def apgr_routellm(scores: ArrayLike, gain: Floats) -> float:
    """APGR as RouteLLM's evaluation code computes it, to cross-check the exact area.

    Thresholds are the eleven deciles of the scores, rows at or above a threshold go to the strong model, and the
    trapezoid rule joins the points so found. Few thresholds and many ties make it coarse.
    """
    values = np.asarray(scores, dtype=np.float64)
    # Between two scores any threshold selects the same rows; the higher one is a score itself.
    thresholds = np.quantile(values, np.linspace(0, 1, ROUTELLM_BINS + 1), method="higher")
    chosen = [values >= threshold for threshold in thresholds[:-1]] + [values > thresholds[-1]]
    points = sorted((float(rows.mean()), float(gain[rows].sum() / gain.sum())) for rows in chosen)
    share, recovered = np.array(points).T
    return float(Curve(share, recovered).area())


def random_deviation(gain: Floats) -> float:
    """Standard deviation of APGR over random orders of the rows; its mean is 0.5.

    APGR is linear in the gains with evenly spaced coefficients, and the variance of such a sum under random
    permutation is known (Hoeffding 1951, with one fixed sequence).
    """
    rows = len(gain)
    spread = float(((gain - gain.mean()) ** 2).sum())
    return float(np.sqrt(spread * (rows + 1) / (12 * rows)) / gain.sum())


def random_deviation_at(gain: Floats, shares: Floats) -> Floats:
    """Standard deviation of PGR at each of `shares` for random calls: sampling without replacement."""
    rows = len(gain)
    spread = float(((gain - gain.mean()) ** 2).sum())
    return np.asarray(np.sqrt(shares * (1 - shares) * rows / (rows - 1) * spread) / gain.sum())
