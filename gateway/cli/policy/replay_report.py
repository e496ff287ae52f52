"""A replay on the terminal: what moves, what that changes, and what cannot be known."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.records.effects import MIN_CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cli.policy.replay_execute import Executed
    from gateway.cli.policy.replaying import Report
    from gateway.records.effects import Effect, Metric
    from gateway.records.estimate import Estimate

_WIDTH: Final = 118
_ROWS: Final = 12
NAMES: Final[dict[Metric, str]] = {
    "cost_usd": "cost, $ per 1,000 requests",
    "total_ms": "time to the whole answer, ms",
    "score": "quality, graded, 0 to 1",
    "success": "quality, as predicted, 0 to 1",
}
SCALE: Final[dict[Metric, float]] = {"cost_usd": 1000.0, "total_ms": 1.0, "score": 1.0, "success": 1.0}
_DIGITS: Final[dict[Metric, int]] = {"cost_usd": 4, "total_ms": 1, "score": 4, "success": 4}


def print_report(report: Report, seconds: float) -> None:
    """The whole report."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=max(console.width, _WIDTH), highlight=False)
    _print_head(console, report, seconds)
    if report.replayed.rerouted:
        console.print(_rules(report))
        console.print(_targets(report))
    if report.replayed.rows:
        console.print(_effects(report))
        _print_evidence(console, report)
    _print_unknown(console, report)


def print_executed(executed: Executed) -> None:
    """What a sample did on its new route."""
    console = Console(highlight=False)
    console.print(
        f"Executed: {executed.sent} sent, {executed.failed} failed, ${executed.usd:.4f} spent"
        f"{f'; stopped: {executed.stopped}' if executed.stopped else ''}",
        markup=False,
    )
    changes: tuple[tuple[str, Metric, Estimate | None], ...] = (
        ("cost", "cost_usd", executed.cost_change_usd),
        ("time", "total_ms", executed.time_change_ms),
    )
    for name, metric, change in changes:
        said = (
            _shower(metric)(change, sign=True) if change else f"no interval: fewer than {MIN_CHANGED} answers"
        )
        console.print(f"{NAMES[metric] if change else name}, change: {said}", markup=False)


def _print_head(console: Console, report: Report, seconds: float) -> None:
    replayed, rows = report.replayed, report.replayed.rows
    against = f", compared with {report.old}" if report.old else ""
    span = f" from {_day(report.first_at)} to {_day(report.last_at)}" if rows else ""
    console.print(
        f"Policy {report.new}{against}: {replayed.read:,} records read{span}, {seconds:.1f} s", markup=False
    )
    share = f" ({replayed.rerouted / len(rows):.1%})" if rows else ""
    console.print(
        f"[bold]{replayed.rerouted:,} of {len(rows):,} requests would be rerouted{share}[/bold]; "
        f"{replayed.read - len(rows):,} could not be decided again"
    )
    if replayed.refused:
        console.print(f"[bold red]{replayed.refused:,} requests would get no answer at all[/bold red]")


def _rules(report: Report) -> Table:
    table = Table("rule before", "rule after", "rerouted", box=SIMPLE_HEAD)
    found = report.replayed.by_rule()
    for before, after, count in found[:_ROWS]:
        table.add_row(escape(before), escape(after), f"{count:,}")
    if len(found) > _ROWS:
        table.add_row(f"and {len(found) - _ROWS} more pairs", "", f"{sum(row[2] for row in found[_ROWS:]):,}")
    return table


def _targets(report: Report) -> Table:
    table = Table("answered by", "would go to", "requests", "outcome recorded", box=SIMPLE_HEAD)
    found = report.replayed.by_target()
    for before, after, count, known in found[:_ROWS]:
        table.add_row(escape(before), escape(after), f"{count:,}", f"{known:,}")
    if len(found) > _ROWS:
        table.add_row(
            f"and {len(found) - _ROWS} more pairs", "", f"{sum(row[2] for row in found[_ROWS:]):,}", ""
        )
    return table


def _effects(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "mean over requests",
        "requests",
        "before",
        "change [95 %]",
        "of the changed: drawn / predicted / unknown",
    ):
        table.add_column(heading, overflow="fold")
    for effect in report.effects:
        show = _shower(effect.metric)
        change = show(effect.change, sign=True) if effect.change else "not given, see below"
        drawn = effect.changed - effect.unknown - effect.modelled
        parts = f"{drawn:,} / {effect.modelled:,} / {effect.unknown:,}"
        before = show(effect.before, bare=True) if effect.before else "-"
        table.add_row(NAMES[effect.metric], f"{effect.rows:,}", before, change, parts)
    return table


def _print_evidence(console: Console, report: Report) -> None:
    """What the figures rest on: draws that several metrics share are told once."""
    told: set[str] = set()
    for effect in report.effects:
        name, show = NAMES[effect.metric].partition(",")[0], _shower(effect.metric)
        label = f"{name} (as predicted)" if effect.metric == "success" else name
        if (draws := _draws(effect)) and draws not in told:
            told.add(draws)
            console.print(draws, markup=False)
        if effect.ips is not None and effect.snips is not None:
            console.print(
                f"{label}: by importance weighting alone {show(effect.ips, sign=True)}, "
                f"self-normalised {show(effect.snips, sign=True)}",
                markup=False,
            )
        for sentence in effect.refusals:
            console.print(f"{label}: {sentence}", markup=False)


def _draws(effect: Effect) -> str:
    """How much the draws of experiments tell about the new routes; empty when there were none."""
    share = effect.overlap
    if share is None:
        return ""
    value, low, high = (min(1.0, end) for end in (share.value, share.low, share.high))
    return (
        f"{effect.drawn:,} of {effect.rows:,} requests were drawn by experiments, worth {effect.effective:,.0f} "
        f"samples; the new route could have been drawn for {value:.0%} of them ({low:.0%} to {high:.0%})"
    )


def _print_unknown(console: Console, report: Report) -> None:
    if not report.unknown:
        return
    table = Table("requests", "what cannot be known", "what would tell", box=SIMPLE_HEAD)
    for gap in report.unknown:
        table.add_row(f"{gap.requests:,}", escape(gap.what), escape(gap.remedy))
    console.print(table)


def _shower(metric: Metric) -> Callable[..., str]:
    scale, digits = SCALE[metric], _DIGITS[metric]

    def show(estimate: Estimate, *, sign: bool = False, bare: bool = False) -> str:
        plus = "+" if sign else ""
        value, low, high = (scale * end for end in (estimate.value, estimate.low, estimate.high))
        if bare:
            return f"{value:,.{digits}f}"
        return f"{value:{plus},.{digits}f} [{low:{plus},.{digits}f}, {high:{plus},.{digits}f}]"

    return show


def _day(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")
