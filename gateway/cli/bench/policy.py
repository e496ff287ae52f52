"""`pointsman bench policy`: CPU time of a decision, beside a naïve evaluation of the same policy in the same run."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.bench.naive_policy import naive
from policies.by_name import shipped
from policies.engine import decide
from policies.facts import Facts
from policies.store import Loaded, Refused, load, loads

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET_US = {"bare": 150.0, "explained": 400.0}
"""For 200 rules of which none matches."""
_WHEN = (
    "{difficulty: {at_least: 0.99}, tokens: {above: 100}}",
    "{task: sentiment, task_confidence: {at_least: 0.8}}",
    "{any: [{difficulty: {at_least: 0.96}}, {tools: true}]}",
    "{tenant: 'acme-*', metadata: {team: ops}}",
    "{domain: [law, finance], difficulty: {below: 0.2}}",
    "{metadata: {app: 'billing*'}}",
    "{not: {stream: false}}",
    "{pii: {at_least: 0.9}}",
)
"""One of each kind that policies are made of; none holds for `_FACTS`."""
_TARGETS = (
    "{small: {kind: local, model: s}, mid: {kind: upstream, model: o/m}, large: {kind: upstream, model: o/l}}"
)
_FACTS = Facts(
    task="math",
    difficulty=0.5,
    tokens=200,
    metadata={"team": "web", "app": "shop"},
    success={"sentiment": 0.5, "small": 0.3, "mid": 0.9, "large": 0.95, "alternate": 0.93},
    cost_usd={"sentiment": 0.0, "small": 0.0, "mid": 0.001, "large": 0.02, "alternate": 0.02},
)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds of one decision under one policy; medians of rounds."""

    policy: str
    rules: int
    bare_us: float
    explained_us: float
    naive_us: float


def policy(
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; figures are medians.")] = 15,
    seconds: Annotated[float, typer.Option(min=0.001, help="How long each measurement takes.")] = 0.05,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """CPU time of a decision, without and with its explanation, and of a naïve evaluation of the same policy."""
    found = run(rounds=rounds, seconds=seconds)
    if as_json:
        print(json.dumps({"budget_us": BUDGET_US, "costs": [asdict(cost) for cost in found]}, indent=2))
    else:
        show(found)


def run(*, rounds: int, seconds: float) -> list[Cost]:
    """The costs of the shipped policy and of longer ones whose rules all fail."""
    policies = [("shipped", _sound(load(shipped())))]
    policies += [(f"{rules} rules", _sound(loads(synthetic(rules)))) for rules in (50, 200)]
    return [_cost(name, loaded, rounds, seconds) for name, loaded in policies]


def synthetic(rules: int) -> str:
    """A policy of this many rules of every kind, of which none matches; each eighth forbids something."""
    lines = []
    for number in range(rules):
        forbid = ", forbid: [upstream]" if number % 8 == 7 else ""
        when = _WHEN[number % len(_WHEN)]
        lines.append(f"  - {{id: r{number}, when: {when}, then: {{steps: [small]{forbid}}}}}")
    default = "default: {choose: cheapest, success: 0.8, among: [small, mid, large]}"
    return "\n".join(["version: 1", f"targets: {_TARGETS}", "rules:", *lines, default])


def _sound(loaded: Loaded | Refused) -> Loaded:
    if isinstance(loaded, Refused):
        raise typer.BadParameter(f"the policy to measure is refused: {loaded.findings[0]}")
    return loaded


def _cost(name: str, loaded: Loaded, rounds: int, seconds: float) -> Cost:
    compiled, model = loaded.compiled, loaded.policy
    ways: list[Callable[[], object]] = [
        lambda: decide(compiled, _FACTS, explained=False),
        lambda: decide(compiled, _FACTS),
        lambda: naive(model, _FACTS),
    ]
    measured: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):  # interleaved, so that a busy machine slows all of them
        for times, way in zip(measured, ways, strict=True):
            times.append(_cpu_us(way, seconds))
    bare, explained, naively = (statistics.median(times) for times in measured)
    return Cost(name, len(model.rules), bare, explained, naively)


def _cpu_us(way: Callable[[], object], seconds: float) -> float:
    calls = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        for _ in range(10):
            way()
        calls += 10
    return spent / calls * 1e6


def show(costs: list[Cost]) -> None:
    """Print one row a policy."""
    from rich.console import Console
    from rich.table import Table

    title = f"CPU µs of a decision; budget for 200 rules: {BUDGET_US['bare']:g}, explained {BUDGET_US['explained']:g}"
    table = Table("policy", title=title, title_justify="left")
    for column in ("rules", "decide", "explained", "naïve", "naïve / explained"):
        table.add_column(column, justify="right")
    for cost in costs:
        table.add_row(
            cost.policy,
            str(cost.rules),
            f"{cost.bare_us:.1f}",
            f"{cost.explained_us:.1f}",
            f"{cost.naive_us:.1f}",
            f"{cost.naive_us / cost.explained_us:.1f}",
        )
    Console().print(table)
