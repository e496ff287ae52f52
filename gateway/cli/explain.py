"""A decision on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.decision import Check, Decision
    from routers.signals import Signals
    from routers.spans import Span


def print_route(
    signals: Signals, decision: Decision, success: Mapping[str, float], costs: Mapping[str, float]
) -> None:
    """Signals, every rule considered with the value that passed or failed it, and the plan."""
    console = Console(highlight=False)
    _print_signals(console, signals, success)
    console.print("\n[bold]Rules considered[/bold]")
    for considered in decision.considered:
        mark = "[green]match[/green]" if considered.matched else "[dim]no   [/dim]"
        console.print(f"  {mark}  {escape(considered.rule)}")
        for check in considered.checks:
            console.print(f"           {_check(check)}")
    if not decision.considered:
        none = "the policy has no rules" if decision.rule == "default" else "the model was asked for by name"
        console.print(f"  none: {none}")
    console.print(f"\n[bold]Decision[/bold]  rule {escape(decision.rule)}, policy {decision.policy_version}")
    _print_plan(console, decision, costs)


def print_spans(text: str, spans: Sequence[Span]) -> None:
    """Each personal part of the text with its place in characters, nothing where there is none."""
    console = Console(highlight=False)
    if spans:
        console.print("\n[bold]Personal data in the text[/bold]")
    for span in spans:
        place = f"[dim]characters {span.start} to {span.end}, {span.confidence:.2f}[/dim]"
        console.print(f"  {span.kind}  {escape(repr(text[span.start : span.end]))}  {place}")


def _print_signals(console: Console, signals: Signals, success: Mapping[str, float]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("task", f"{signals.task}  [dim]{signals.task_confidence:.2f}[/dim]")
    table.add_row("domain", f"{signals.domain}  [dim]{signals.domain_confidence:.2f}[/dim]")
    table.add_row("difficulty", f"{signals.difficulty:.2f}  [dim]probability that the small tier fails[/dim]")
    table.add_row("pii, injection", f"{signals.pii:.2f}, {signals.injection:.2f}")
    table.add_row("language, tokens", f"{signals.language}, {signals.tokens}")
    table.add_row("success", "  ".join(f"{escape(name)} {p:.2f}" for name, p in success.items()))
    console.print("[bold]Signals[/bold]")
    console.print(table)


def _check(check: Check) -> str:
    sign = "[green]+[/green]" if check.passed else "[red]-[/red]"
    return f"{sign} {escape(check.fact)} is {escape(check.actual)}, wanted {escape(check.expected)}"


def _print_plan(console: Console, decision: Decision, costs: Mapping[str, float]) -> None:
    plan = decision.plan
    if decision.experiment is not None:
        console.print(
            f"  experiment {escape(decision.experiment)}: {decision.arm}, "
            f"drawn with probability {decision.propensity:.4g}"
        )
    for number, stage in enumerate(plan.chain, 1):
        console.print(f"  stage {number}: {escape(stage.step.target)}  [dim]{escape(stage.step.model)}[/dim]")
    _print_steps(console, decision, costs)
    if plan.sticky is not None and plan.sticky.held is None:
        console.print(
            f"  sticky: the {plan.sticky.by} stays with whoever answers, for {plan.sticky.for_s:g} s"
        )
    if plan.hedge is not None:
        console.print(f"  hedged: the second step starts as well after {plan.hedge.after_s:g} s")
    for shadow in plan.shadows:
        console.print(f"  shadow: {escape(shadow.step.target)} gets the request as well")
    if plan.first is None:
        console.print("  [red]no target can answer[/red]")


def _print_steps(console: Console, decision: Decision, costs: Mapping[str, float]) -> None:
    for number, step in enumerate(decision.plan.steps, 1):
        cost = costs.get(step.target)
        price = "price unknown" if cost is None else f"expected ${cost:.7f}".rstrip("0")
        bare = step.acceptance is None and step.accept_confidence
        accept = f", released from confidence {step.accept_confidence:g}" if bare else ""
        console.print(f"  {number}. {escape(step.target)}  [dim]{escape(step.model)}[/dim]  {price}{accept}")
        if step.acceptance is not None:
            console.print(f"     [dim]{escape(step.acceptance)}[/dim]")
    for skipped in decision.plan.skipped:
        console.print(f"  [yellow]skipped[/yellow] {escape(skipped.target)}: {escape(skipped.reason)}")
    if decision.plan.degraded:
        console.print(f"  [yellow]degraded[/yellow]: {escape(decision.plan.degraded)}")
