"""`pointsman learn routing`, as a person types it, and what the gateway makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import StartupError
from tests.unit.routers.requests import cooking, drawn, law, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

COUNT = 200
COOKS = [*drawn([0.95] * COUNT, 1), *drawn([0.15] * COUNT, 2)]


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def graded(path: Path, grades: list[float]) -> str:
    """A file of requests that the target `mid` answered with these grades."""
    rows = zip([*cooking(COUNT), *law(COUNT)], grades, strict=True)
    return str(write_rows(path, ({"prompt": p, "outcomes": {"mid": g}} for p, g in rows)))


def success(prompt: str) -> dict[str, float]:
    """What `pointsman route` says that each target can do."""
    found: dict[str, float] = json.loads(run("route", prompt, "--json").output)["signals"]["success"]
    return found


def learn(*arguments: str) -> dict[str, Any]:
    """The JSON report of the command."""
    shown = run("learn", "routing", *arguments, "--json")
    assert shown.exit_code == 0, shown.output
    report: dict[str, Any] = json.loads(shown.output)
    return report


def test_what_is_better_is_in_force_and_can_be_rolled_back(tmp_path: Path, data_dir: Path) -> None:
    """The gateway loads the new version, keeps the old one, and returns to it on demand."""
    kitchen, court = "How long does cooking lentils take on day 7?", "Who first wrote about copyright law?"
    before = success(kitchen)
    report = learn("--graded", graded(tmp_path / "g.jsonl", COOKS))
    assert report["replaced"]
    assert report["heads"][0]["gains"]["log_loss"]["low"] > 0
    assert (data_dir / "router" / report["new_version"] / "learnt.json").exists()
    assert success(kitchen)["mid"] > 0.75
    assert success(court)["mid"] < 0.45
    rolled = run("learn", "routing", "--rollback")
    assert report["old_version"] in rolled.output
    assert success(kitchen) == before
    again = run("learn", "routing", "--rollback")
    assert again.exit_code == 1
    assert "no version before it" in again.output


def test_shuffled_grades_replace_nothing(tmp_path: Path, data_dir: Path) -> None:
    """The refusal says what was missing, and no version is written."""
    shuffled = [float(g) for g in np.random.default_rng(0).permutation(COOKS)]
    shown = run("learn", "routing", "--graded", graded(tmp_path / "g.jsonl", shuffled))
    assert shown.exit_code == 0
    assert "kept as it was" in shown.output
    assert "stays in force" in shown.output
    assert not data_dir.exists()


def test_out_writes_elsewhere_and_leaves_what_is_in_force(tmp_path: Path, data_dir: Path) -> None:
    """The candidate can be looked at before it serves."""
    report = learn("--graded", graded(tmp_path / "g.jsonl", COOKS), "--out", str(tmp_path / "new"))
    assert not report["replaced"]
    assert (tmp_path / "new" / "model.safetensors").exists()
    assert not data_dir.exists()
    refused = run("learn", "routing", "--graded", str(tmp_path / "g.jsonl"), "--out", str(tmp_path / "new"))
    assert refused.exit_code == 2


def test_a_damaged_version_stops_the_start_and_says_how_to_go_back(tmp_path: Path, data_dir: Path) -> None:
    """The gateway never serves weights that are not what their name says."""
    report = learn("--graded", graded(tmp_path / "g.jsonl", COOKS))
    weights = data_dir / "router" / report["new_version"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    shown = run("route", "hello", "--json")
    assert isinstance(shown.exception, StartupError)
    assert "--rollback" in str(shown.exception.findings[0])
    assert run("learn", "routing", "--rollback").exit_code == 0
    assert run("route", "hello", "--json").exit_code == 0


def test_too_few_rows_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """Exit code 1, the number given and the number needed."""
    file = write_rows(tmp_path / "g.jsonl", [{"prompt": "x", "outcomes": {"mid": 1}}] * 10)
    shown = run("learn", "routing", "--graded", str(file))
    assert shown.exit_code == 1
    assert "10 graded requests are too few to learn from: at least 200" in shown.output


@pytest.mark.parametrize("arguments", [(), ("--rollback", "--graded", "x"), ("--rollback", "--out", "x")])
def test_one_of_two_things_is_asked_for(arguments: tuple[str, ...]) -> None:
    """Learning and rolling back exclude each other."""
    assert run("learn", "routing", *arguments).exit_code == 2
