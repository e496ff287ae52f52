"""What `pointsman learn routing` shows: both versions on the same held-out requests."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from routers.learning.learn import Learnt

_FIGURES: Final = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
_WIDTH: Final = 110


def learnt_json(learnt: Learnt) -> dict[str, Any]:
    """The comparison of JSON types only; a figure that is not defined is null."""
    heads = [
        {**asdict(comparison), "better": comparison.better, "verdict": comparison.verdict}
        for comparison in learnt.comparisons
    ]
    found: dict[str, Any] = plain(
        {
            "learnt_from": learnt.learnt_from,
            "heads": heads,
            "skipped": dict(learnt.skipped),
            "new_names": list(learnt.new_names),
        }
    )
    return found


def print_learnt(report: dict[str, Any], out: Path | None) -> None:
    """A table of figures for each head, its verdict, and which version is in force now."""
    plain_console = Console(highlight=False)
    console = (
        plain_console
        if plain_console.is_terminal
        else Console(width=max(plain_console.width, _WIDTH), highlight=False)
    )
    console.print(
        f"{report['rows']} graded requests, {report['learnt_from']} learnt from, the others held out by the hash "
        f"of their text; {report['seconds']:.1f} s",
        markup=False,
    )
    for head in report["heads"]:
        console.print(_table(head, report["old_version"]))
        console.print(f"{head['head']}: {head['verdict']}", markup=False)
    for head, why in report["skipped"].items():
        console.print(f"{head}: not refitted, {why}", markup=False)
    if report["new_names"]:
        names = ", ".join(report["new_names"])
        console.print(
            f"Without an ability before, so compared with the mean of the known models: {names}", markup=False
        )
    console.print(_outcome(report, out), markup=False)


def plain(value: object) -> Any:  # noqa: ANN401 whatever JSON holds
    """The value with NaN as None and tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _table(head: dict[str, Any], version: str) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in (f"{head['head']}, {head['rows']} held out", version, "refitted", "better by [95 %]"):
        table.add_column(heading)
    for key, gain in head["gains"].items():
        interval = f"{_number(gain['value'])} \\[{_number(gain['low'])}, {_number(gain['high'])}]"
        table.add_row(_FIGURES[key], _number(head["old"][key]), _number(head["new"][key]), interval)
    return table


def _outcome(report: dict[str, Any], out: Path | None) -> str:
    if report["new_version"] is None:
        return (
            f"Version {report['old_version']} stays in force: nothing was surely better. Nothing was written."
        )
    if out is not None:
        return f"Version {report['new_version']} is in {out}; {report['old_version']} stays in force."
    return (
        f"Version {report['new_version']} is in force when the gateway next starts. "
        "`pointsman learn routing --rollback` returns to the one before."
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
