"""Tables of a routing benchmark for people, and the same as JSON. Modes never share a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from routers.benchmark.arena import ArenaScore
    from routers.benchmark.bootstrap import Estimate
    from routers.benchmark.published import BoardEntry, Mode, PublishedTable
    from routers.benchmark.report import Line, Report

_MODES: Final[tuple[tuple[Mode, str], ...]] = (
    ("zero-shot", "zero-shot: no label of this benchmark was seen"),
    ("adapted", "adapted: learnt from labels of this benchmark, tested on other rows"),
)
_WIDTH: Final = 110


def as_json(report: Report, published: PublishedTable | None, classifier: str) -> dict[str, Any]:
    """The version of the classifier, the report and the published table, of JSON types only."""
    comparable = published is not None and published.matches(report.rows, report.weak, report.strong)
    return {
        "classifier": classifier,
        **asdict(report),
        "published": None if published is None else {**asdict(published), "same_rows_and_models": comparable},
    }


def console() -> Console:
    """Standard output; wide enough for the tables where it is a file or a pipe."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=max(plain.width, _WIDTH))


def show(report: Report, published: PublishedTable | None, classifier: str, console: Console) -> None:
    """Print what was measured on, then for each mode our figures and the published ones."""
    left_out = "".join(f", {count:,} left out as {reason}" for reason, count in report.left_out.items())
    console.print(
        f"{report.benchmark}: {report.rows:,} rows{left_out}\n"
        f"always {report.weak_model} {report.weak:.4f}, always {report.strong_model} {report.strong:.4f};"
        f" classifier {classifier}\n"
        f"below each figure its 95 % interval: paired bootstrap, {report.draws:,} draws, seed {report.seed};"
        " for random over its orders\n"
        "bins: APGR by RouteLLM's thresholds; CPT, calls and cost saved at 95 % of strong quality in percent",
        markup=False,
        highlight=False,
    )
    if report.unusable_draws:
        console.print(f"{report.unusable_draws} draws had no gap to recover and are left out")
    for mode, title in _MODES:
        if any(line.mode == mode for line in report.lines):
            console.print(_measured(report, mode, title))
        if published is not None and any(row.mode == mode for row in published.rows):
            console.print(_published(published, mode))
    if published is not None and not published.matches(report.rows, report.weak, report.strong):
        console.print(
            "not the published rows or models: compare the two tables with care"
            f" (published: {published.prompts:,} rows, {published.weak} and {published.strong})",
            highlight=False,
        )


def show_arena(
    scores: list[ArenaScore], source: str, board: tuple[BoardEntry, ...], console: Console
) -> None:
    """Print RouterArena's score of each router, then the board."""
    table = figures_table("RouterArena score", "router", "queries", "score", "accuracy %", "$ / 1,000")
    for own in scores:
        table.add_row(
            own.router,
            f"{own.queries:,}",
            f"{own.score:.1f}",
            f"{own.accuracy:.1f}",
            f"{own.usd_per_1000:.4g}",
        )
    console.print(table)
    table = figures_table(f"published: {source}", "system", "score", "accuracy %", "$ / 1,000")
    for entry in board:
        cells = (entry.accuracy, entry.usd_per_1000)
        table.add_row(
            entry.system, f"{entry.score:.1f}", *("-" if cell is None else f"{cell}" for cell in cells)
        )
    console.print(table)


def _measured(report: Report, mode: Mode, title: str) -> Table:
    priced = any(line.calls.saved95 is not None for line in report.lines)
    columns = ["mode", "APGR", "less length", "bins", "CPT 50 %", "CPT 80 %", "calls 95 %"]
    table = figures_table(title, "router", *columns, *(["saved 95 %"] if priced else []))
    for line in report.lines:
        if line.mode in (mode, "reference"):
            table.add_row(*_cells(line, priced=priced))
    return table


def _cells(line: Line, *, priced: bool) -> list[str]:
    cells = [
        line.name,
        line.mode,
        _share(line.apgr, ""),
        _share(line.over_length, "+"),
        "-" if line.apgr_routellm is None else f"{line.apgr_routellm:.3f}",
        *(_percent(calls) for calls in (line.calls.cpt50, line.calls.cpt80, line.calls.share95)),
    ]
    return [*cells, _percent(line.calls.saved95)] if priced else cells


def _share(estimate: Estimate | None, sign: str) -> str:
    if estimate is None:
        return "-"
    low, high = (format(end, f"{sign}.3f") for end in (estimate.low, estimate.high))
    return f"{estimate.value:{sign}.3f}\n{low}…{high}"


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{100 * estimate.value:.1f}\n{100 * estimate.low:.0f}…{100 * estimate.high:.0f}"


def _published(published: PublishedTable, mode: Mode) -> Table:
    title = f"published, {mode}: {published.source}, {published.weak_model} → {published.strong_model}"
    table = figures_table(title, "router", "trained on", "mode", "APGR", "CPT 50 %", "CPT 80 %")
    table.columns[1].justify = "left"
    for row in published.rows:
        if row.mode in (mode, "reference"):
            spread = {name: f" ± {value:g}" for name, value in row.spread.items()}
            table.add_row(
                row.router,
                row.training,
                row.mode,
                f"{row.apgr:.3f}{spread.get('apgr', '')}",
                f"{row.cpt50:.2f}{spread.get('cpt50', '')}",
                f"{row.cpt80:.2f}{spread.get('cpt80', '')}",
            )
    return table


def figures_table(title: str, first: str, *columns: str) -> Table:
    table = Table(first, title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right")
    return table
