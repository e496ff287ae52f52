"""`pointsman targets`: what the policy's targets can do, and where a new one stands."""

from __future__ import annotations

import datetime
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy_file import PolicyOption

if TYPE_CHECKING:
    from routers.graded import GradedFile
    from routers.placed import PlacedAbility
    from routers.placement import Placement

targets_app = typer.Typer(
    no_args_is_help=True, help="Show what can answer, and place a new target among known models."
)


@targets_app.command("list")
def list_targets(
    policy: PolicyOption = None,
    config: Annotated[Path | None, typer.Option(help="gateway.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show each target with its model, what its success is predicted from, how to reach it, and its price."""
    from gateway.cli.startup import read_settings
    from gateway.cli.targets_report import print_targets, target_rows

    rows, refused = target_rows(read_settings(policy, config), os.environ)
    if as_json:
        print(json.dumps({"targets": [asdict(row) for row in rows], "refused": refused}, indent=2))
    else:
        print_targets(rows, refused)


@targets_app.command("calibrate")
def calibrate(
    name: Annotated[str, typer.Argument(help="The target's name in the policy, or a name for `ability:`.")],
    graded: Annotated[
        Path,
        typer.Option(
            help="JSON Lines (may be .gz) of `prompt` or `messages`, and `acceptable`: true, false or 0 to 1."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the estimate and store nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict a target's success from 30 to 200 graded answers of it: takes seconds and trains nothing."""
    from gateway.cli.targets_report import placement_json, print_placement
    from gateway.services import load_versions
    from gateway.settings import load_settings
    from routers.graded import GradedFileError, read_target
    from routers.placed import FILE
    from routers.placement import TooFewError, place

    if not 1 <= len(name) <= 256:
        raise typer.BadParameter("a name has 1 to 256 characters", param_hint="NAME")
    start = time.perf_counter()
    settings = load_settings()
    classifier, placed = load_versions(settings)
    try:
        file = read_target(graded, name)
        placement = place(classifier, file.rows, name)
    except (GradedFileError, TooFewError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    ability = _ability(name, classifier.version, placement, file)
    if not dry_run:
        placed.with_ability(ability).write(settings.data_dir)
    stored = None if dry_run else settings.data_dir / FILE
    if as_json:
        print(json.dumps(placement_json(ability, placement, stored), indent=2, ensure_ascii=False))
    else:
        print_placement(ability, placement, stored, time.perf_counter() - start)


@targets_app.command("confidences")
def confidences(
    name: Annotated[str, typer.Argument(help="A specialist of the policy, by its target's name.")],
    graded: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines (may be .gz) of `confidence`, as `x-pointsman-confidence` said it, and `acceptable`: "
            "true or false. Replaces what was known of this target. Every answer counts, also those held back."
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence that the bound on the risk holds.")] = 0.95,
    policy: PolicyOption = None,
    config: Annotated[Path | None, typer.Option(help="gateway.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what `accept: {risk: ...}` comes to for a specialist, from its calibration rows or your graded answers."""
    from gateway.cli.confidences_report import controls, print_controls, read_target
    from gateway.cli.startup import read_settings
    from gateway.confidences import own_table
    from routers.graded import GradedFileError, read_confidences
    from routers.risk import ConfidenceTable, write_table

    if not 0 < level < 1:
        raise typer.BadParameter("lies between 0 and 1", param_hint="--level")
    settings = read_settings(policy, config)
    try:
        known, target = read_target(settings, name)
        if graded is not None:
            table = ConfidenceTable.of(read_confidences(graded), f"graded answers of {graded.name}")
            write_table(own_table(settings.data_dir, name), table)
    except (GradedFileError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    found = known.table(name, target)
    if found is None:
        print(f"error: no graded answers of `{name}` are known; give some with --graded", file=sys.stderr)
        raise typer.Exit(1)
    rows = controls(found, level)
    if as_json:
        told = {"target": name, "data": found.data, "rows": found.n, "confidence_level": level, "risks": rows}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print_controls(name, found, level, rows)


def _ability(name: str, version: str, placement: Placement, file: GradedFile) -> PlacedAbility:
    from routers.placed import PlacedAbility

    return PlacedAbility(
        name=name,
        classifier=version,
        vector=tuple(float(value) for value in placement.vector),
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        examples=placement.examples,
        acceptable=placement.acceptable,
        file_sha256=file.sha256,
    )
