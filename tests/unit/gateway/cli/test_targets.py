"""`pointsman targets`, as a person types it, and what the gateway makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import StartupError
from gateway.records.models import RecordRow
from gateway.services import load_classifier
from gateway.settings import load_settings
from tests.unit.routers.requests import cooking, drawn, law, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

POLICY = """
version: 1
targets:
  own: {kind: upstream, model: openai/gpt-4o-mini, ability: gpt-4-0314}
  borrowed: {kind: upstream, model: groq/llama-3.1-8b-instant, ability: own}
  known:
    {kind: upstream, model: openai/gpt-4o, ability: gpt-4-0314, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
  plain: {kind: upstream, model: nowhere/model}
  small: {kind: local, model: smollm2-135m-instruct}
default: {steps: [known]}
"""


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test, and no key in the environment but one."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    return tmp_path / "data"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy whose target `borrowed` names an ability that is still to be placed."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


@pytest.fixture
def graded(tmp_path: Path) -> str:
    """Sixty answers, a third of them acceptable."""
    rows = zip([*cooking(30), *law(30)], drawn([0.33] * 60), strict=True)
    return str(write_rows(tmp_path / "g.jsonl", ({"prompt": p, "acceptable": bool(g)} for p, g in rows)))


def listed(policy: str) -> dict[str, dict[str, Any]]:
    """The rows of `targets list --json` by name."""
    shown = run("targets", "list", "--policy", policy, "--json")
    assert shown.exit_code == 0, shown.output
    return {row["name"]: row for row in json.loads(shown.output)["targets"]}


def test_calibrate_prints_the_estimate_beside_its_baselines(graded: str, data_dir: Path) -> None:
    """Three ways of predicting, with intervals, the nearest known models, and where the vector went."""
    shown = run("targets", "calibrate", "own", "--graded", graded)
    assert shown.exit_code == 0, shown.output
    for said in (
        "60 graded examples",
        "placed by these",
        "mean of the known",
        "prompt length alone",
        "nearest:",
    ):
        assert said in shown.output
    (stored,) = json.loads((data_dir / "abilities.json").read_text())["abilities"]
    assert (stored["name"], stored["examples"], len(stored["file_sha256"])) == ("own", 60, 64)


def test_calibrate_prints_json_and_stores_nothing_on_a_dry_run(graded: str, data_dir: Path) -> None:
    """Every figure is there with its interval, and the data directory is not even made."""
    shown = run("targets", "calibrate", "own", "--graded", graded, "--dry-run", "--json")
    report = json.loads(shown.output)
    assert report["stored"] is None
    assert report["placed"]["auroc"]["low"] <= report["placed"]["auroc"]["value"]
    assert len(report["nearest"]) == 3
    assert not data_dir.exists()


def test_the_gateway_predicts_success_from_what_was_placed(graded: str, policy: str) -> None:
    """A target's own ability wins over `ability:`, and another target may refer to it by name."""
    with_unknown = run("route", "hello", "--policy", policy, "--json")
    assert isinstance(with_unknown.exception, StartupError)
    assert "`own`" in str(with_unknown.exception.findings[0])
    assert run("targets", "calibrate", "own", "--graded", graded).exit_code == 0
    success = json.loads(run("route", "hello", "--policy", policy, "--json").output)["signals"]["success"]
    assert success["own"] == success["borrowed"] != success["known"]
    assert success["own"] < success["known"]


def test_records_name_the_classifier_with_what_was_placed(graded: str) -> None:
    """The version tells that abilities were added, differs when they do, and fits into its column."""
    run("targets", "calibrate", "own", "--graded", graded)
    first = load_classifier(load_settings()).version
    run("targets", "calibrate", "other", "--graded", graded)
    second = load_classifier(load_settings()).version
    column = RecordRow.__table__.columns["classifier_version"]
    assert "+" in first != second
    assert len(second) <= column.type.length


def test_list_says_where_each_ability_comes_from(graded: str, policy: str) -> None:
    """Placed by its own name, borrowed, a known model, a constant, or difficulty; and what is missing."""
    before = listed(policy)
    assert before["own"]["ability"] == "gpt-4-0314"
    assert before["borrowed"]["ability"] is None
    assert "`ability: own` is not known" in before["borrowed"]["ability_from"]
    run("targets", "calibrate", "own", "--graded", graded)
    after = listed(policy)
    assert after["own"]["ability"] == after["borrowed"]["ability"] == "own"
    assert "from 60 examples, by its own name" in after["own"]["ability_from"]
    assert after["known"]["ability_from"] == "known to the classifier, by `ability:`"
    assert (after["plain"]["ability"], after["small"]["ability_from"]) == (None, "difficulty")
    assert after["own"]["missing"] is None
    assert after["borrowed"]["missing"] == "set `GROQ_API_KEY`"
    assert (after["known"]["input_usd_per_mtok"], after["known"]["output_usd_per_mtok"]) == (1, 2)
    assert after["plain"]["input_usd_per_mtok"] is None
    table = run("targets", "list", "--policy", policy).output
    assert all(name in table for name in after)


def test_an_ability_for_another_classifier_is_out_of_force_and_said_so(
    graded: str, policy: str, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The list and the gateway's log tell to calibrate again; the target falls back on `ability:`."""
    run("targets", "calibrate", "own", "--graded", graded)
    path = data_dir / "abilities.json"
    content = json.loads(path.read_text())
    content["abilities"][0]["classifier"] = "0" * 12
    path.write_text(json.dumps(content))
    assert listed(policy)["own"]["ability"] == "gpt-4-0314"
    assert "pointsman targets calibrate own" in run("targets", "list", "--policy", policy, "--json").output
    run("route", "hello", "--json")
    assert "pointsman targets calibrate own" in caplog.text


def test_a_damaged_file_stops_the_start(data_dir: Path) -> None:
    """A file that cannot be read is a finding, not a silent loss of what was placed."""
    data_dir.mkdir()
    (data_dir / "abilities.json").write_text("{")
    shown = run("route", "hello", "--json")
    assert isinstance(shown.exception, StartupError)
    assert "abilities.json" in str(shown.exception.findings[0])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"prompt": "x", "acceptable": 1}'] * 29, "29 graded examples are too few"),
        (['{"prompt": "x", "acceptable": 3}'], "g.jsonl:1: `acceptable` is 3"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    """Exit code 1 and one sentence; nothing is stored."""
    file = tmp_path / "g.jsonl"
    file.write_text("\n".join(lines))
    shown = run("targets", "calibrate", "own", "--graded", str(file))
    assert shown.exit_code == 1
    assert said in shown.output
    assert not (tmp_path / "data").exists()


SPECIALIST = """
version: 1
targets:
  mood: {kind: specialist, model: sentiment}
  small: {kind: local, model: smollm2-135m-instruct}
default: {steps: [mood, small], accept: {risk: 0.02}}
"""


@pytest.fixture
def specialist(tmp_path: Path) -> str:
    """A policy with a specialist."""
    path = tmp_path / "specialist.yaml"
    path.write_text(SPECIALIST)
    return str(path)


def graded_confidences(path: Path, n: int) -> str:
    """`n` right answers, of which none is surer than 0.9."""
    rows = [{"confidence": 0.5 + 0.4 * index / n, "acceptable": True} for index in range(n)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_confidences_shows_what_a_risk_comes_to(specialist: str) -> None:
    """A specialist that ships with graded answers can be asked at once."""
    shown = run("targets", "confidences", "mood", "--policy", specialist, "--json")
    told = json.loads(shown.stdout)
    assert told["rows"] > 600
    thresholds = [row["threshold"] for row in told["risks"] if row["threshold"] is not None]
    assert thresholds == sorted(thresholds, reverse=True)
    assert "released from confidence" in run("targets", "confidences", "mood", "--policy", specialist).stdout


def test_own_grades_take_the_place_of_the_shipped_ones(specialist: str, tmp_path: Path) -> None:
    """From the next check on the policy is held to them."""
    few = graded_confidences(tmp_path / "few.jsonl", 41)
    assert run("targets", "confidences", "mood", "--graded", few, "--policy", specialist).exit_code == 0
    said = " ".join(run("policy", "check", specialist).stdout.split())
    assert "n = 41 rows are too few for risk 0.02 at confidence 0.95; it takes 149 or more" in said
    enough = graded_confidences(tmp_path / "enough.jsonl", 150)
    run("targets", "confidences", "mood", "--graded", enough, "--policy", specialist)
    assert "note: `mood` is released from 0: risk 0.02" in " ".join(
        run("policy", "check", specialist).stdout.split()
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("small", "", "only specialists report a confidence"),
        ("moood", "", "did you mean `mood`"),
        ("mood", '{"confidence": 0.5, "acceptable": 0.5}', "`acceptable` must be true or false"),
        ("mood", '{"confidence": 50, "acceptable": true}', "`confidence` is 50"),
        ("mood", "", "has no rows"),
    ],
)
def test_what_cannot_be_graded_is_said(
    specialist: str, tmp_path: Path, name: str, text: str, message: str
) -> None:
    """One line that says what is wrong, exit 1, and nothing stored."""
    (tmp_path / "g.jsonl").write_text(text)
    ended = run("targets", "confidences", name, "--graded", str(tmp_path / "g.jsonl"), "--policy", specialist)
    assert ended.exit_code == 1
    assert message in " ".join(ended.output.split())
    assert not (tmp_path / "data" / "confidences").exists()
