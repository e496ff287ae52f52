"""`pointsman policy compare`: where policies would send the same requests, and for how much."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_file import find_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.cli.policy.reading import Deployment
    from policies.decision import Decision
    from policies.facts import Facts

_NOTHING = "no target"


@dataclass(slots=True)
class Tally:
    """Where one policy sends a sample, by first choice."""

    policy: str
    requests: int = 0
    usd: float = 0.0
    """Expected, of the requests whose first choice has a known price."""
    unpriced: int = 0
    here: int = 0
    """Requests whose first choice runs on this machine."""
    targets: dict[str, int] = field(default_factory=dict)

    @property
    def usd_per_1000(self) -> float:
        """Expected USD of a thousand such requests."""
        priced = self.requests - self.unpriced
        return 1000 * self.usd / priced if priced else 0.0

    def add(self, decision: Decision, facts: Facts) -> None:
        """Count one decision."""
        plan = decision.plan
        chosen = [stage.step for stage in plan.chain] or list(plan.steps[:1])
        costs = [facts.cost_usd.get(step.target) for step in chosen]
        self.requests += 1
        name = " → ".join(step.target for step in chosen) or _NOTHING
        self.targets[name] = self.targets.get(name, 0) + 1
        self.here += bool(chosen) and all(step.kind != "upstream" for step in chosen)
        if None in costs:
            self.unpriced += 1
        self.usd += sum(cost for cost in costs if cost is not None)


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            callback=find_all, help="Policy files, or names of shipped ones.", metavar="POLICY..."
        ),
    ],
    requests: Annotated[
        Path,
        typer.Option(
            help="JSON Lines (may be .gz) of `prompt` or `messages`, and optionally `tools`: true, `metadata` "
            "and `headers`; - is stdin."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Decide the same requests under several policies: expected cost of the first choice, and shares by target.

    Every target counts as available. Escalations, hedges and cache hits are not in the figures, and an answer counts
    as 256 tokens: what happened is told by `pointsman policy replay`, from records.
    """
    from gateway.cli.policy.reading import Deployment
    from gateway.cli.route import read_rows

    deployment = Deployment.read()
    rows = list(read_rows(requests))
    if not rows:
        raise typer.BadParameter(f"{requests} holds no requests", param_hint="--requests")
    tallies = [_tally(file, deployment, rows) for file in files]
    if as_json:
        found = [{**asdict(tally), "usd_per_1000": tally.usd_per_1000} for tally in tallies]
        typer.echo(json.dumps({"policies": found}, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(tallies)))


def _tally(file: Path, deployment: Deployment, rows: Sequence[dict[str, Any]]) -> Tally:
    from gateway.errors import StartupError
    from policies.engine import decide
    from policies.model import Message
    from policies.store import Refused, load

    loaded = load(file, deployment.labels)
    if isinstance(loaded, Refused):
        raise StartupError(list(loaded.findings))
    read, tally = deployment.facts_for(loaded), Tally(file.stem)
    for row in rows:
        said = row.get("prompt")
        if said is None:
            said = [Message.model_validate(message) for message in row["messages"]]
        headers = {str(name).lower(): str(value) for name, value in (row.get("headers") or {}).items()}
        facts = replace(
            read(said),
            tools=bool(row.get("tools")),
            metadata=row.get("metadata") or {},
            headers=headers,
            unavailable={},
        )
        tally.add(decide(loaded.compiled, facts, explained=False), facts)
    return tally


def _lines(tallies: Sequence[Tally]) -> list[str]:
    """A table in Markdown, which a terminal shows as well as a page."""
    first = tallies[0]
    lines = [
        f"| policy | $ per 1,000 requests | against {first.policy} | answered here | first choice |",
        "|---|---|---|---|---|",
    ]
    for tally in tallies:
        against = f"{tally.usd_per_1000 / first.usd_per_1000 - 1:+.0%}" if first.usd_per_1000 else "-"
        by_share = sorted(tally.targets.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{name} {count / tally.requests:.0%}" for name, count in by_share)
        unpriced = f" ({tally.unpriced} without a price)" if tally.unpriced else ""
        here = f"{tally.here / tally.requests:.0%}"
        lines.append(
            f"| {tally.policy} | {tally.usd_per_1000:.2f}{unpriced} | {against} | {here} | {shares} |"
        )
    return lines
