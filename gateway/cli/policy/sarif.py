"""Findings as SARIF 2.1.0, which code hosts and editors read (OASIS Standard, 27 March 2020)."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from policies.findings import CHECKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.findings import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_IDS = list(CHECKS)


def sarif_log(findings: Sequence[Finding]) -> dict[str, Any]:
    """One log with one run; every check is a rule of the tool, also those that found nothing."""
    rules = [
        {"id": f"policy-{check}", "name": check, "shortDescription": {"text": meaning}}
        for check, meaning in CHECKS.items()
    ]
    driver = {"name": "pointsman policy check", "version": version("pointsman"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.path)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        }
    }
    if finding.rule is not None:
        location["logicalLocations"] = [{"name": finding.rule, "fullyQualifiedName": f"rules.{finding.rule}"}]
    return {
        "ruleId": f"policy-{finding.check}",
        "ruleIndex": _IDS.index(finding.check),
        "level": finding.severity,
        "message": {"text": finding.message},
        "locations": [location],
    }


def _uri(path: str) -> str:
    """A relative path stays relative, to the folder where the command ran."""
    return Path(path).as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())
