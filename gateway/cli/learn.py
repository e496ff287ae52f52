"""`pointsman learn`: improve the classifier by what this deployment has seen."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_file import find

if TYPE_CHECKING:
    from gateway.settings import Settings
    from routers.learning.learn import Learnt
    from routers.versions import Versions

learn_app = typer.Typer(no_args_is_help=True, help="Improve the classifier by graded requests of one's own.")


@learn_app.callback()
def learn() -> None:
    """Improve the classifier by graded requests of one's own."""


@learn_app.command("routing")
def routing(
    graded: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines (may be .gz) of `prompt` or `messages`, and `outcomes`: a grade from 0 to 1 by target "
            "or ability name. Rows may carry `task` and `domain`."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the new version into this folder, and leave the one in force alone."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            callback=find,
            help="Policy, a file or the name of a shipped one, whose `ability:` stands for a target that has none "
            "of its own.",
        ),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the version before the current one in force.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit difficulty, success and labels to 200 or more graded requests; only what is surely better replaces."""
    # Before numpy is loaded: sums over several threads differ in the last bit, and so would the version; and on
    # a busy machine threads that wait for each other take ten times as long.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from gateway.cli.startup import read_settings

    if (graded is None) != rollback or (rollback and out is not None):
        raise typer.BadParameter("give either --graded FILE or --rollback")
    settings = read_settings(policy, None)
    if graded is None:
        _roll_back(settings, as_json=as_json)
    else:
        _learn(graded, out, settings, as_json=as_json)


def _roll_back(settings: Settings, *, as_json: bool) -> None:
    from routers.artifact import ArtifactError
    from routers.versions import NothingToRollBackError, Versions

    try:
        version = Versions.of(settings.data_dir, settings.classifier).roll_back()
    except (ArtifactError, NothingToRollBackError) as error:
        raise _stopped(error) from None
    if as_json:
        print(json.dumps({"in_force": version}))
    else:
        print(f"Version {version} is in force when the gateway next starts.")


def _learn(graded: Path, out: Path | None, settings: Settings, *, as_json: bool) -> None:
    from gateway.cli.learn_report import print_learnt
    from gateway.services import load_classifier
    from routers.graded import GradedFileError, read_outcomes
    from routers.learning.learn import learn, write
    from routers.placement import TooFewError
    from routers.versions import Versions

    start, classifier = time.perf_counter(), load_classifier(settings)
    versions = Versions.of(settings.data_dir, settings.classifier)
    base = versions.current
    if out is not None and out.exists() and any(out.iterdir()):
        raise typer.BadParameter(f"{out} is not empty", param_hint="--out")
    try:
        file = read_outcomes(graded)
        learnt = learn(classifier, base, file.rows, _abilities(settings))
    except (GradedFileError, TooFewError) as error:
        raise _stopped(error) from None
    report = {"file_sha256": file.sha256, **_report(learnt, len(file.rows), classifier.version)}
    if learnt.better:
        candidate = out or versions.folder / f".candidate-{os.getpid()}"
        write(learnt, base, candidate, report)
        report |= _placed(candidate, versions, in_force=out is None)
    report["seconds"] = round(time.perf_counter() - start, 2)
    if as_json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print_learnt(report, out)


def _placed(candidate: Path, versions: Versions, *, in_force: bool) -> dict[str, Any]:
    """Where the new version lies and whether the gateway takes it."""
    from routers.artifact import digest

    try:
        version = versions.publish(candidate) if in_force else digest(candidate)
    except OSError:
        shutil.rmtree(candidate, ignore_errors=True)
        raise
    folder = versions.folder / version if in_force else candidate
    return {"new_version": version, "replaced": in_force, "folder": str(folder)}


def _abilities(settings: Settings) -> dict[str, str]:
    """The `ability:` of each target, which stands for it until it has been graded."""
    from gateway.services import SHIPPED_POLICY
    from policies.store import Loaded, load

    loaded = load(settings.policy or SHIPPED_POLICY)
    if not isinstance(loaded, Loaded):
        return {}
    return {name: t.ability for name, t in loaded.policy.targets.items() if t.ability is not None}


def _report(learnt: Learnt, rows: int, version: str) -> dict[str, Any]:
    from gateway.cli.learn_report import learnt_json

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "rows": rows,
        "old_version": version,
        "new_version": None,
        "replaced": False,
        **learnt_json(learnt),
    }


def _stopped(error: Exception) -> typer.Exit:
    print(f"error: {error}", file=sys.stderr)
    return typer.Exit(1)
