"""`pointsman policy diff`: what an edit changes in meaning."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.output import EXIT_FINDINGS
from gateway.cli.policy_file import find

if TYPE_CHECKING:
    from policies.diff import Difference
    from policies.store import Loaded, Refused


def diff(
    old: Annotated[Path, typer.Argument(callback=find, help="The policy as it is.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(callback=find, help="The policy as it would be.", metavar="NEW")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what an edit changes in meaning: rules, thresholds, plans, targets, prices, default, aliases.

    Comments, layout and other words for the same condition are no change. What it would have done to recorded
    requests is told by `pointsman policy replay`.
    Exit code 0: both were read, with or without changes. 2: one of them has errors.
    """
    from gateway.cli.policy.reading import Deployment
    from policies.diff import diff as changes_of
    from policies.reason.domain import domain
    from policies.store import Loaded, load

    deployment = Deployment.read()
    before, after = load(old, deployment.labels), load(new, deployment.labels)
    if not isinstance(before, Loaded) or not isinstance(after, Loaded):
        _refuse(before, after)
    possible = domain(deployment.labels, deployment.knowledge.attainable(after.policy))
    found = changes_of(before.policy, after.policy, possible)
    typer.echo(_as_json(before, after, found) if as_json else _in_words(before, after, found))


def _refuse(*read: Loaded | Refused) -> NoReturn:
    from policies.store import Refused

    for one in read:
        if isinstance(one, Refused):
            for finding in one.findings:
                typer.echo(str(finding), err=True)
    raise typer.Exit(EXIT_FINDINGS)


def _in_words(before: Loaded, after: Loaded, found: Difference) -> str:
    if not found.changes:
        return f"no change in meaning: policy {before.version}"
    summary = "requests may be routed otherwise" if found.reroutes else "no request is routed otherwise"
    lines = [f"- {change.message}" for change in found.changes]
    return "\n".join([f"policy {before.version} → {after.version}: {summary}", *lines])


def _as_json(before: Loaded, after: Loaded, found: Difference) -> str:
    told = {
        "old": {"path": before.source, "version": before.version},
        "new": {"path": after.source, "version": after.version},
        "reroutes": found.reroutes,
        "changes": [asdict(change) for change in found.changes],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)
