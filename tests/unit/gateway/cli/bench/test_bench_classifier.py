"""`pointsman bench classifier` as it is typed, with the shipped classifier."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from routers.classifier import RequestClassifier
from tests.unit.routers.mixed import MIXED


def _run(*arguments):
    return CliRunner().invoke(app, ["bench", "classifier", *map(str, arguments)])


@pytest.fixture
def labelled(tmp_path):
    """The mixed requests with their tasks; every one without personal data, two graded."""
    rows = [{"prompt": text, "task": task, "pii": False} for task, texts in MIXED.items() for text in texts]
    rows[0]["outcomes"] = {"llama-3.1-8b-instruct": 1}
    file = tmp_path / "labelled.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_every_head_that_the_rows_speak_about_is_in_the_report(labelled, tmp_path) -> None:
    """Task and pii are judged, one grade is too few for difficulty, and the picture is written."""
    pytest.importorskip("matplotlib")
    result = _run(labelled, "--json", "--plot", tmp_path / "diagrams.png")
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report["classifier"] == RequestClassifier.load().version
    assert set(report["heads"]) == {"task", "pii"}
    task = report["heads"]["task"]
    assert task["rows"] == sum(map(len, MIXED.values()))
    assert 0 < task["calibration_error"] < 0.3
    assert sum(found["rows"] for found in task["bins"]) <= task["rows"]
    assert (tmp_path / "diagrams.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_has_a_line_for_each_head(labelled) -> None:
    """For people: rows, confidence, what came true, and the error."""
    printed = _run(labelled).output
    assert "calibration error" in printed
    assert any(line.split()[:1] == ["task"] for line in printed.splitlines())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "hi", "task": "chat"}', "none of the 1 rows can judge a head: label at least 30"),
        ('{"prompt": "hi", "pii": 1}', "`pii` is 1; it must be true or false"),
        ('{"text": "hi"}', "needs `prompt`"),
    ],
)
def test_a_file_that_cannot_judge_says_what_to_change(tmp_path, line, message) -> None:
    """The command stops with a sentence and status 1."""
    file = tmp_path / "rows.jsonl"
    file.write_text(line + "\n")
    result = _run(file)
    assert result.exit_code == 1
    assert message in result.output
