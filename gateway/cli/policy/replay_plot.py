"""A replay as a picture: the changes with their intervals, and where requests would move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cli.policy.replay_report import NAMES, SCALE
from gateway.records.reading import RecordsUnreadable

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from gateway.cli.policy.replaying import Report
    from gateway.records.effects import Effect

_MOVES: Final = 10


def save_plot(report: Report, file: Path) -> None:
    """Draw the report as PNG. Raises `RecordsUnreadable` when it cannot be drawn or written.

    matplotlib is imported here, as only pictures need it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RecordsUnreadable("pictures need matplotlib: pip install 'pointsman[train]'") from error
    shown = [effect for effect in report.effects if effect.change is not None]
    bars = 0.7 + 0.3 * min(_MOVES, len(report.replayed.by_target()))
    figure = Figure(figsize=(7.5, 1.2 + bars + 1.1 * len(shown)), layout="constrained")
    panels = figure.subplots(1 + len(shown), 1, squeeze=False, height_ratios=[bars] + [0.6] * len(shown))[
        :, 0
    ]
    _draw_moves(panels[0], report)
    for axes, effect in zip(panels[1:], shown, strict=True):
        _draw_effect(axes, effect)
    decided = len(report.replayed.rows)
    figure.suptitle(f"policy {report.new}: {report.replayed.rerouted:,} of {decided:,} requests rerouted")
    try:
        figure.savefig(file, format="png", dpi=144)
    except OSError as error:
        raise RecordsUnreadable(f"{file}: {(error.strerror or 'cannot be written').lower()}") from error


def _draw_moves(axes: Axes, report: Report) -> None:
    moves = report.replayed.by_target()[:_MOVES][::-1]
    names = [f"{before} → {after}" for before, after, _, _ in moves]
    known = [move[3] for move in moves]
    axes.barh(names, known, color="C0", label="outcome recorded")
    axes.barh(
        names, [move[2] - move[3] for move in moves], left=known, color="C1", label="outcome not recorded"
    )
    axes.set_xlabel("requests")
    if moves:
        axes.legend(fontsize="small")
    else:
        axes.set_title("no request would be rerouted", fontsize="medium")


def _draw_effect(axes: Axes, effect: Effect) -> None:
    change = effect.change
    if change is None:
        return
    value, low, high = (SCALE[effect.metric] * end for end in (change.value, change.low, change.high))
    axes.errorbar(
        [value], [0], xerr=[[max(0.0, value - low)], [max(0.0, high - value)]], fmt="o", capsize=4, color="C0"
    )
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_yticks([])
    axes.set_title(f"change of {NAMES[effect.metric]}, 95 % interval", fontsize="medium")
