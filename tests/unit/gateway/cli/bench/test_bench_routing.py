"""`pointsman bench routing` as it is typed, with the shipped classifier."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from routers.classifier import RequestClassifier

QUESTIONS = (
    "What is 2 + 2?",
    "Prove that there are infinitely many primes of the form 4k + 3, and bound the n-th of them.",
    "Name the capital of France.",
    "Derive the Navier-Stokes equations for a compressible fluid in cylindrical coordinates.",
    "What colour is the sky?",
    "A train leaves at nine and travels 300 km at 75 km/h with two stops of 12 minutes. When does it arrive?",
)


@pytest.fixture
def outcomes(tmp_path):
    """Sixty questions in two subjects; the weak model fails on every second one."""
    rows = [
        {
            "id": f"q{i}",
            "prompt": f"{QUESTIONS[i % 6]} ({i})",
            "subject": "hard" if i % 2 else "easy",
            "tiny": int(i % 2 == 0),
            "huge": int(i % 10 != 9),
            "contaminated": i == 0,
        }
        for i in range(60)
    ]
    file = tmp_path / "questions.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def _run(*arguments) -> str:
    result = CliRunner().invoke(app, ["bench", "routing", *map(str, arguments), "--draws", "100"])
    assert result.exit_code == 0, result.output
    return result.output


def test_json_has_every_router_with_intervals_by_mode(outcomes) -> None:
    """Zero-shot rows are ours and length, the subject table counts as adapted, yardsticks stand apart."""
    report = json.loads(_run(outcomes, "--json"))
    assert (report["weak_model"], report["strong_model"], report["rows"]) == ("tiny", "huge", 59)
    assert report["left_out"] == {"contaminated": 1}
    assert [(line["name"], line["mode"]) for line in report["lines"]] == [
        ("random", "reference"),
        ("length only", "zero-shot"),
        ("pointsman difficulty", "zero-shot"),
        ("subject lookup", "adapted"),
        ("oracle", "reference"),
    ]
    for line in report["lines"]:
        assert line["apgr"]["low"] <= line["apgr"]["value"] <= line["apgr"]["high"]
    assert report["published"] is None
    assert report["classifier"] == RequestClassifier.load().version


def test_tables_keep_the_modes_apart(outcomes) -> None:
    """What saw labels of the benchmark is printed in a table of its own."""
    printed = _run(outcomes)
    zero_shot, adapted = printed.split("adapted: learnt from labels", 1)
    assert "pointsman difficulty" in zero_shot
    assert "subject lookup" not in zero_shot
    assert "subject lookup" in adapted
    assert "length only" not in adapted


def test_ability_vectors_add_expected_gain_and_prices_the_money(outcomes) -> None:
    """Both need their two options."""
    report = json.loads(
        _run(
            outcomes,
            *("--weak-ability", "gemma-2-2b-it", "--strong-ability", "gpt-4o-2024-08-06"),
            *("--weak-price", 1, "--strong-price", 10, "--json"),
        )
    )
    gain = next(line for line in report["lines"] if line["name"] == "pointsman gain")
    assert gain["mode"] == "zero-shot"
    assert 0 <= gain["calls"]["saved95"]["value"] <= 0.9
    alone = CliRunner().invoke(app, ["bench", "routing", str(outcomes), "--weak-price", "1"])
    assert alone.exit_code == 2
    assert "together" in alone.output


def test_adapting_measures_everything_on_the_rows_that_were_not_learnt_from(outcomes) -> None:
    """Both modes report the same 39 rows, the head and the table of subjects as adapted."""
    report = json.loads(_run(outcomes, "--adapt", 20, "--json"))
    assert report["rows"] == 39
    modes = {line["name"]: line["mode"] for line in report["lines"]}
    assert modes["pointsman difficulty"] == "zero-shot"
    assert modes["pointsman head, 20 rows"] == modes["subject lookup, 20 rows"] == "adapted"


def test_scores_of_another_router_and_a_picture(outcomes, tmp_path) -> None:
    """A file of scores becomes a line named after it, in the mode that was declared."""
    scores = tmp_path / "peer.txt"
    scores.write_text("\n".join(str(i % 2) for i in range(60)))
    png = tmp_path / "curves.png"
    report = json.loads(
        _run(outcomes, "--scores", scores, "--scores-mode", "adapted", "--plot", png, "--json")
    )
    peer = next(line for line in report["lines"] if line["name"] == "peer")
    assert peer["mode"] == "adapted"
    assert peer["apgr"]["value"] > 0.7
    assert png.read_bytes().startswith(b"\x89PNG")


def test_published_rows_stand_beside_and_say_that_rows_differ(outcomes) -> None:
    """A file named after a known benchmark brings RouteLLM's table, with a warning when it is not the same set."""
    file = outcomes.rename(outcomes.with_name("gsm8k_mine.jsonl"))
    printed = _run(file)
    assert "arXiv 2406.18665" in printed
    assert "matrix factorisation" in printed
    assert "not the published rows or models" in printed


def test_arena_needs_no_benchmark(tmp_path) -> None:
    """RouterArena's score is printed beside the board; nothing at all is a usage error."""
    file = tmp_path / "mine.jsonl"
    file.write_text('{"accuracy": 1, "cost_usd": 0.0001}\n{"accuracy": 0.5, "cost_usd": 0.0003}\n')
    printed = _run("--arena", file)
    assert "mine" in printed
    assert "vLLM-SR" in printed
    assert CliRunner().invoke(app, ["bench", "routing"]).exit_code == 2


def test_what_is_wrong_with_a_file_is_said_on_one_line(tmp_path) -> None:
    """A missing file ends with exit code 1 and no traceback."""
    result = CliRunner().invoke(app, ["bench", "routing", str(tmp_path / "absent.jsonl")])
    assert result.exit_code == 1
    assert result.output.startswith("cannot read")
    assert len(result.output.splitlines()) == 1
