"""The benchmark's findings as tables for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
    """Print figures, ratios and memory; what failed is said below the tables."""
    console.print(_figures(report))
    found = list(ratios(report, subject))
    if found:
        console.print(_ratio_table(found, subject))
    console.print(_memory_table(report))
    for cell in report.cells:
        if cell.failure is not None:
            place = f"{cell.peer}, {cell.scenario}, {cell.connections} connections"
            console.print(f"failed: {place}: {cell.failure}", markup=False)


def _figures(report: Report) -> Table:
    peers = list(dict.fromkeys(cell.peer for cell in report.cells))
    cells = {(cell.scenario, cell.connections, cell.peer): cell for cell in report.cells}
    rows = list(dict.fromkeys((cell.scenario, cell.connections) for cell in report.cells))
    title = f"CPU µs per request / added p50 ms (medians of {report.rounds} rounds of {report.seconds:g} s)"
    table = Table("scenario", "connections", title=title)
    for peer in peers:
        table.add_column(peer, justify="right")
    for scenario, connections in rows:
        figures = [_figure(cells.get((scenario, connections, peer))) for peer in peers]
        table.add_row(scenario, str(connections), *figures)
    return table


def _figure(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    if cell.cpu_us is None or cell.added_p50_ms is None:
        return "failed"
    return f"{cell.cpu_us:,.0f} / {cell.added_p50_ms:.2f}"


def _ratio_table(found: list[tuple[str, int, str, float]], subject: str) -> Table:
    table = Table(
        "scenario", "connections", "peer", title=f"CPU time of {subject} as a multiple of the peer's"
    )
    table.add_column("ratio", justify="right")
    for scenario, connections, peer, ratio in found:
        table.add_row(scenario, str(connections), peer, f"{ratio:.3f}" if ratio < 1 else f"{ratio:.1f}")
    return table


def _memory_table(report: Report) -> Table:
    table = Table("gateway", title="resident memory, MB")
    table.add_column("ready", justify="right")
    table.add_column("after the load", justify="right")
    for memory in report.memory:
        table.add_row(memory.peer, f"{memory.idle_mb:.0f}", f"{memory.after_mb:.0f}")
    return table
