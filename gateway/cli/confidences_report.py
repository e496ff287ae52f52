"""What `pointsman targets confidences` shows: for each of some risks, the confidence that keeps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gateway.confidences import Confidences, safe
from gateway.config import load_config
from gateway.errors import StartupError
from gateway.services import SHIPPED_POLICY
from policies.findings import did_you_mean
from policies.store import Refused, load
from routers.risk import control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.settings import Settings
    from policies.model import Target
    from routers.risk import ConfidenceTable

RISKS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
Row = dict[str, float | int | None]


def read_target(settings: Settings, name: str) -> tuple[Confidences, Target]:
    """The tables of this deployment, and the specialist `name` of its policy.

    Raises `StartupError`, and ValueError where there is no such specialist.
    """
    loaded, config = load(settings.policy or SHIPPED_POLICY), load_config(settings.config)
    if isinstance(loaded, Refused):
        raise StartupError(loaded.findings)
    if isinstance(config, list):
        raise StartupError(config)
    target = loaded.policy.targets.get(name)
    if target is None or not safe(name):
        raise ValueError(f"the policy has no target `{name}`{did_you_mean(name, loaded.policy.targets)}")
    if target.kind != "specialist":
        raise ValueError(f"`{name}` is of kind {target.kind}, and only specialists report a confidence")
    return Confidences.of(settings, config), target


def controls(table: ConfidenceTable, level: float) -> list[Row]:
    """One row a risk: its threshold, and of the graded answers those released and the wrong ones among them."""
    rows: list[Row] = []
    for risk in RISKS:
        found = control(table, risk, level)
        rows.append(
            {
                "risk": risk,
                "threshold": found.threshold,
                "released": round(found.released / found.n, 4),
                "wrong": round(found.wrong / found.n, 4),
                "needed_rows": found.needed,
            }
        )
    return rows


def print_controls(name: str, table: ConfidenceTable, level: float, rows: Sequence[Row]) -> None:
    """The same as a table."""
    console = Console(highlight=False)
    console.print(f"{name}: n = {table.n} graded answers, {table.data}", markup=False)
    grid = Table(box=SIMPLE_HEAD)
    for heading in ("accept risk", "released from confidence", "share released", "released and wrong"):
        grid.add_column(heading, justify="right")
    for row in rows:
        threshold = row["threshold"]
        if threshold is None:
            grid.add_row(f"{row['risk']:g}", f"never: takes {row['needed_rows']} rows", "", "")
        else:
            grid.add_row(
                f"{row['risk']:g}", f"{threshold:g}", f"{row['released']:.1%}", f"{row['wrong']:.1%}"
            )
    console.print(grid)
    console.print(
        f"With confidence {level:g} at most the share in the first column of the requests gets a wrong answer here, "
        "if requests to come are like the graded ones.",
        markup=False,
    )
