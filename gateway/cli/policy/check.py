"""`pointsman policy check`: everything that is wrong with a policy, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.policy.report import Format, exit_code, written
from gateway.cli.policy_file import find_all


def check(
    files: Annotated[
        list[Path],
        typer.Argument(callback=find_all, help="Policy files, or names of shipped ones.", metavar="FILE..."),
    ],
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.text,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when there are only warnings.")] = False,
) -> None:
    """Find everything that is wrong with policies: form, names, reach, plans, and their cases.

    Cases are the `tests:` of the policy and those of NAME.cases.yaml beside NAME.yaml.
    Exit code 0: nothing wrong. 1: warnings only, and `--strict`. 2: at least one error.
    """
    from gateway.cli.policy.reading import Deployment
    from policies.check import check_policy

    deployment = Deployment.read()
    checked = [check_policy(file, deployment.knowledge, deployment.facts_for) for file in files]
    typer.echo(written(checked, form))
    raise typer.Exit(exit_code(checked, strict=strict))
