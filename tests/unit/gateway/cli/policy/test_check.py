"""`pointsman policy check`, as a platform engineer or a CI job types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from policies.store import shipped

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


def test_the_shipped_policy_is_clean() -> None:
    """A policy without findings exits 0."""
    assert run(str(shipped())).exit_code == 0


def test_every_finding_comes_at_once_with_its_place(tmp_path: Path) -> None:
    """Two mistakes on one line are two findings, each with line, column and rule, and the exit code is 2."""
    (tmp_path / "p.yaml").write_text(BROKEN)
    result = run(str(tmp_path / "p.yaml"), "--format", "json")
    assert result.exit_code == 2
    found = [(f["line"], f["column"], f["rule"], f["message"]) for f in json.loads(result.output)["findings"]]
    assert found == [
        (5, 26, "a", "unknown task `sentimnt`; did you mean `sentiment`"),
        (5, 52, "a", "unknown target `smal`; did you mean `small`"),
    ]
