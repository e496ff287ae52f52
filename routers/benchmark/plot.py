"""The curves of a report as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.report import SHARES

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from routers.benchmark.published import Mode
    from routers.benchmark.report import Report

_PANELS: Final[tuple[Mode, ...]] = ("zero-shot", "adapted")
_STYLES: Final = {"random": ":", "oracle": "--"}


def save_plot(report: Report, file: Path) -> None:
    """Draw recovered gap against strong calls, one panel a mode, as PNG. Raises `BenchmarkError`."""
    modes = [mode for mode in _PANELS if any(line.mode == mode for line in report.lines)]
    figure = new_figure(6.4 * len(modes), 5.2)
    panels = figure.subplots(1, len(modes), squeeze=False)[0]
    for mode, axes in zip(modes, panels, strict=True):
        _draw(axes, report, mode)
    figure.suptitle(f"{report.benchmark}: {report.weak_model} → {report.strong_model}, {report.rows:,} rows")
    save(figure, file)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches. Raises `BenchmarkError` where matplotlib is not installed.

    matplotlib is imported here, as only pictures need it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BenchmarkError("pictures need matplotlib: pip install 'pointsman[train]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, file: Path, *, dpi: int = 144) -> None:
    """Write a figure as PNG, the same bytes for the same figure. Raises `BenchmarkError`."""
    try:
        figure.savefig(file, format="png", dpi=dpi)
    except OSError as error:
        raise BenchmarkError(f"cannot write {file}: {error}") from error


def _draw(axes: Axes, report: Report, mode: Mode) -> None:
    share = 100 * SHARES
    band = 100 * np.array(report.random_band)
    axes.fill_between(
        share, share - band, share + band, color="0.9", linewidth=0, label="random, 1.96 deviations"
    )
    for line in report.lines:
        if line.mode not in (mode, "reference"):
            continue
        reference = line.mode == "reference"
        axes.plot(
            share,
            100 * np.array(line.recovered),
            label=f"{line.name} (APGR {line.apgr.value:.3f})",
            color="0.5" if reference else None,
            linestyle=_STYLES.get(line.name, "-"),
        )
    axes.set_title(mode)
    axes.set_xlabel("calls to the strong model, %")
    axes.set_ylabel("performance gap recovered, %")
    axes.set_xlim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
