"""`pointsman policy test`: whether example requests still go where they must."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy.report import Format, exit_code, written
from gateway.cli.policy_file import find

if TYPE_CHECKING:
    from policies.cases import CaseResult


def test(
    file: Annotated[Path, typer.Argument(callback=find, help="Policy file, or the name of a shipped one.")],
    cases: Annotated[
        list[Path] | None,
        typer.Option(help="Files of cases to run instead of those beside the policy; may be repeated."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How failures are written.")] = Format.text,
) -> None:
    """Run the cases of a policy: its `tests:`, and those of NAME.cases.yaml beside NAME.yaml.

    Each case says where a request must go; the classifier in force reads it, and no model is called.
    Exit code 0: all passed. 2: a case failed, or the policy or a file of cases cannot be used.
    """
    from gateway.cli.policy.reading import Deployment
    from policies.cases_file import beside
    from policies.check import Checked, run_all
    from policies.store import Refused, load

    deployment = Deployment.read()
    loaded = load(file, deployment.labels)
    if isinstance(loaded, Refused):
        checked = Checked(loaded.source, loaded.findings)
    else:
        files = beside(file) if cases is None else cases
        findings, results = run_all(loaded, files, deployment.facts_for(loaded))
        checked = Checked(loaded.source, findings, results, loaded)
    if form is Format.text and checked.loaded is not None:
        for result in checked.results:
            typer.echo(_line(result))
    typer.echo(written([checked], form))
    raise typer.Exit(exit_code([checked], strict=False))


def _line(result: CaseResult) -> str:
    """One case: whether it passed, where it stands, its text, and the way it went."""
    case, plan = result.case, result.decision.plan
    text = case.prompt if case.prompt is not None else (case.messages or ())[-1].content
    words = " ".join(text.split())
    shown = words if len(words) <= 60 else words[:57] + "..."
    first = plan.steps[0].target if plan.steps else "no usable target"
    verdict = "pass" if result.passed else "FAIL"
    return f"{verdict}  {result.source}:{result.line}  {shown}  ->  {result.decision.rule}, {first}"
