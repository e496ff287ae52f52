"""`pointsman policy check`: everything that is wrong with a policy, at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import EXIT_FINDINGS

if TYPE_CHECKING:
    from gateway.cli.policy.reading import Deployment
    from policies.findings import Finding


class Format(StrEnum):
    """How findings are written."""

    text = "text"
    json = "json"


def check(
    files: Annotated[list[Path], typer.Argument(help="Policy files.", metavar="FILE...")],
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.text,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when there are only warnings.")] = False,
) -> None:
    """Find everything that is wrong with policies: form, names, reach, and their own tests.

    Exit code 0: nothing wrong. 1: warnings only, and `--strict`. 2: at least one error.
    """
    from gateway.cli.policy.reading import Deployment

    deployment = Deployment.read()
    findings = [finding for file in files for finding in _check(file, deployment)]
    if form is Format.json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            print(finding)
    sys.exit(_exit_code(findings, strict=strict))


def _check(file: Path, deployment: Deployment) -> list[Finding]:
    from policies.cases import case_findings, run_cases
    from policies.store import Refused, load

    loaded = load(file, deployment.labels)
    if isinstance(loaded, Refused):
        return list(loaded.findings)
    results = run_cases(loaded, deployment.facts_for(loaded))
    return [*loaded.warnings, *case_findings(results, str(file))]


def _exit_code(findings: list[Finding], *, strict: bool) -> int:
    if any(finding.severity == "error" for finding in findings):
        return EXIT_FINDINGS
    return 1 if findings and strict else 0
