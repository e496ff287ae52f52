"""Findings as people, scripts and continuous integration read them."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.cli.output import EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.check import Checked
    from policies.findings import Finding


class Format(StrEnum):
    """How findings are written."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"


def written(checked: Sequence[Checked], form: Format) -> str:
    """Every finding of these files in one text."""
    findings = [finding for one in checked for finding in one.findings]
    if form is Format.sarif:
        from gateway.cli.policy.sarif import sarif_log

        return json.dumps(sarif_log(findings), indent=2)
    if form is Format.json:
        return json.dumps(
            {"files": [_file(one) for one in checked], "findings": list(map(asdict, findings))}, indent=2
        )
    if form is Format.github:
        return "\n".join(map(workflow_command, findings))
    return "\n".join([*map(str, findings), *map(_summary, checked)])


def exit_code(checked: Sequence[Checked], *, strict: bool) -> int:
    """0: nothing wrong; 1: only warnings, and `strict`; 2: at least one error."""
    if any(one.errors for one in checked):
        return EXIT_FINDINGS
    return 1 if strict and any(one.warnings for one in checked) else 0


def workflow_command(finding: Finding) -> str:
    """The finding as GitHub Actions reads it from a step's output, to show it beside the line in a pull request."""
    properties = {
        "file": finding.path,
        "line": finding.line,
        "col": finding.column,
        "title": f"policy {finding.check}" + (f", rule {finding.rule}" if finding.rule else ""),
    }
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    command = "notice" if finding.severity == "note" else finding.severity
    return f"::{command} {listed}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _summary(one: Checked) -> str:
    counts = {"error": one.errors, "warning": one.warnings, "note": one.notes}
    found = [_count(number, noun) for noun, number in counts.items() if number]
    failed = sum(not result.passed for result in one.results)
    cases = _count(len(one.results), "case")
    ran = (
        f"{failed} of {cases} failed" if failed else f"{cases} passed" if one.results else "no cases were run"
    )
    return f"{one.source}: {', '.join(found) or 'no findings'}; {ran}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _file(one: Checked) -> dict[str, object]:
    failed = sum(not result.passed for result in one.results)
    return {
        "path": one.source,
        "version": one.loaded.version if one.loaded else None,
        "errors": one.errors,
        "warnings": one.warnings,
        "notes": one.notes,
        "cases": {"run": len(one.results), "failed": failed},
    }
