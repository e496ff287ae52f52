"""The benchmark's findings as tables for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from gateway.cli.bench.gateway import Cell, Report


def ratios(report: Report, subject: str) -> Iterator[tuple[str, int, str, float]]:
    """Scenario, connections, peer, and the CPU time of `subject` as a multiple of that peer's."""
    cells = {(cell.scenario, cell.connections, cell.peer): cell.cpu_us for cell in report.cells}
    for (scenario, connections, peer), cpu_us in cells.items():
        own = cells.get((scenario, connections, subject))
        if peer != subject and cpu_us and own is not None:
            yield scenario, connections, peer, round(own / cpu_us, 3)


def as_json(report: Report, subject: str) -> dict[str, Any]:
    """The report with its ratios, of JSON types only."""
    names = ("scenario", "connections", "peer", "cpu_ratio")
    return {
        **asdict(report),
        "ratios": [dict(zip(names, row, strict=True)) for row in ratios(report, subject)],
    }


def show(report: Report, subject: str, console: Console) -> None:
    """Print CPU time with ratios, latency and memory; what failed is said below the tables."""
    console.print(_cpu_table(report, subject))
    console.print(_latency_table(report))
    console.print(_memory_table(report))
    console.print(", ".join(f"{name} {version}" for name, version in report.versions.items()), markup=False)
    for cell in report.cells:
        if cell.failure is not None:
            place = f"{cell.peer}, {cell.scenario}, {cell.connections} connections"
            console.print(f"failed: {place}: {cell.failure}", markup=False)


def _cpu_table(report: Report, subject: str) -> Table:
    others = [peer for peer in _peers(report) if peer != subject]
    title = f"CPU µs per request (medians of {report.rounds} rounds of {report.seconds:g} s)"
    table = _table(title, [*_peers(report), *(f"{subject} / {peer}" for peer in others)])
    divided = {(scenario, n, peer): ratio for scenario, n, peer, ratio in ratios(report, subject)}
    for scenario, connections, cells in _rows(report):
        shares = [_ratio(divided.get((scenario, connections, peer))) for peer in others]
        table.add_row(
            scenario, str(connections), *(_number(cell, "cpu_us", ",.0f") for cell in cells), *shares
        )
    return table


def _latency_table(report: Report) -> Table:
    table = _table("median latency added to going directly, ms", _peers(report))
    for scenario, connections, cells in _rows(report):
        table.add_row(scenario, str(connections), *(_number(cell, "added_p50_ms", ",.2f") for cell in cells))
    return table


def _table(title: str, columns: list[str]) -> Table:
    table = Table("scenario", title=title, title_justify="left")
    for column in ["connections", *columns]:
        table.add_column(column, justify="right")
    return table


def _peers(report: Report) -> list[str]:
    return list(dict.fromkeys(cell.peer for cell in report.cells))


def _rows(report: Report) -> Iterator[tuple[str, int, list[Cell | None]]]:
    """Scenario, connections, and the cell of each peer, None where it took no part."""
    cells = {(cell.scenario, cell.connections, cell.peer): cell for cell in report.cells}
    for scenario, connections in dict.fromkeys((cell.scenario, cell.connections) for cell in report.cells):
        yield scenario, connections, [cells.get((scenario, connections, peer)) for peer in _peers(report)]


def _number(cell: Cell | None, figure: Literal["cpu_us", "added_p50_ms"], form: str) -> str:
    if cell is None:
        return "-"
    value: float | None = getattr(cell, figure)
    return "failed" if value is None else format(value, form)


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.3f}" if ratio < 1 else f"{ratio:.1f}"


def _memory_table(report: Report) -> Table:
    table = Table("gateway", title="resident memory, MB", title_justify="left")
    table.add_column("ready", justify="right")
    table.add_column("after the load", justify="right")
    for memory in report.memory:
        table.add_row(memory.peer, f"{memory.idle_mb:.0f}", f"{memory.after_mb:.0f}")
    return table
