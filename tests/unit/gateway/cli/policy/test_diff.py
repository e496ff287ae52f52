"""`pointsman policy diff`, as a platform engineer types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from policies.by_name import shipped

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, ["policy", "diff", *arguments])


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory of the test, where no classifier was learnt."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))


def test_a_threshold_that_moved_is_one_line(tmp_path: Path) -> None:
    """The output names both versions, whether requests are rerouted, and the change."""
    edited = shipped().read_text().replace("difficulty: {at_least: 0.6}", "difficulty: {at_least: 0.7}")
    (tmp_path / "new.yaml").write_text("# edited\n" + edited)
    result = run(str(shipped()), str(tmp_path / "new.yaml"))
    assert result.exit_code == 0
    first, *rest = result.output.splitlines()
    assert first.endswith("requests may be routed otherwise")
    assert rest == [
        "- rule `hard-or-tools`: `any.1.difficulty` at least `0.6` → `0.7` (narrower: fewer requests match)"
    ]
    told = json.loads(run(str(shipped()), str(tmp_path / "new.yaml"), "--json").output)
    assert told["changes"][0]["path"] == [
        "rules",
        "hard-or-tools",
        "when",
        "any",
        0,
        "difficulty",
        "at_least",
    ]
    assert told["changes"][0]["effect"] == "narrower"


def test_a_comment_is_no_change(tmp_path: Path) -> None:
    """A file that says the same has the same version and no change."""
    (tmp_path / "new.yaml").write_text("# a comment\n" + shipped().read_text())
    assert run(str(shipped()), str(tmp_path / "new.yaml")).output.startswith("no change in meaning: policy ")


def test_a_policy_with_errors_is_not_compared(tmp_path: Path) -> None:
    """The findings of both files are told, and the exit code is 2."""
    (tmp_path / "new.yaml").write_text("version: 1\n")
    result = run(str(tmp_path / "absent.yaml"), str(tmp_path / "new.yaml"))
    assert result.exit_code == 2
    assert "absent.yaml:1:1: error: cannot be read: no such file or directory" in result.output
    assert "new.yaml:1:1: error: missing key `default`" in result.output
