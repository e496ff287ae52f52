"""Reliability diagrams as a picture, one panel a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.plot import new_figure, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from routers.benchmark.reliability import HeadReliability

_COLUMNS: Final = 3
_NORMAL_95: Final = 1.96
_BARS: Final = 20


def save_diagrams(heads: Sequence[HeadReliability], title: str, file: Path) -> None:
    """Draw accuracy against confidence for each head as PNG. Raises `BenchmarkError`.

    Dots are bins of equal width with 95 % intervals (Wilson); grey bars show where the confidences lie, on a
    scale of their own. On the diagonal a probability means what it says.
    """
    if not heads:
        raise BenchmarkError("nothing to draw: no head has rows to be judged by")
    columns = min(_COLUMNS, len(heads))
    lines = -(-len(heads) // columns)
    figure = new_figure(3.6 * columns, 3.7 * lines + 0.3)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, head in zip(panels, heads, strict=False):
        _draw(axes, head)
    for axes in panels[len(heads) :]:
        axes.set_axis_off()
    figure.suptitle(title)
    save(figure, file, dpi=96)


def _draw(axes: Axes, head: HeadReliability) -> None:
    counts, edges = np.histogram(head.confidence, bins=_BARS, range=(0, 1))
    axes.bar(edges[:-1], 0.3 * counts / counts.max(), width=1 / _BARS, align="edge", color="0.88")
    axes.plot((0, 1), (0, 1), color="0.5", linestyle="--", linewidth=1)
    x = np.array([b.confidence for b in head.bins])
    y = np.array([b.accuracy for b in head.bins])
    low, high = wilson(y, np.array([b.rows for b in head.bins]))
    axes.errorbar(x, y, yerr=(y - low, high - y), fmt="o-", markersize=3.5, linewidth=1, elinewidth=0.8)
    axes.set_title(
        f"{head.head}: ECE {head.error:.3f}, {len(head.confidence):,} rows\n"
        f"(perfect probabilities: {head.noise:.3f})",
        fontsize="small",
    )
    axes.set_xlabel("confidence", fontsize="small")
    axes.set_ylabel("came true", fontsize="small")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)


def wilson(
    share: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    count: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    """Ends of the 95 % score interval of a share of `count` rows (Wilson 1927); they surround the share."""
    z2 = _NORMAL_95**2 / count
    centre = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return np.minimum(centre - half, share), np.maximum(centre + half, share)
