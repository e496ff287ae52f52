"""`pointsman policy replay`, as a platform engineer types it on release day."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.records.store import SqlRecordStore
from tests.unit.gateway.records.test_replay import NEW, OLD, TARGETS, traffic

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NEW_TEXT = (
    TARGETS + "rules:\n  - {id: hard, when: {difficulty: {at_least: 0.5}}, then: {steps: [mid]}}\n"
    "default: {steps: [small]}\n"
)
OLD_TEXT = TARGETS + "default: {steps: [small]}\n"


def run(*arguments: object) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, ["policy", "replay", *map(str, arguments)])


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """The edited policy."""
    path = tmp_path / "new.yaml"
    path.write_text(NEW_TEXT)
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A hundred records as JSON Lines."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(record) for record in traffic(100)))
    return path


def test_the_report_says_what_moves_and_what_is_not_known(new: Path, lines: Path) -> None:
    """In words: the share, from where to where, and the gaps."""
    found = run(new, "--records", lines)
    assert found.exit_code == 0, found.output
    assert "50 of 100 requests would be rerouted (50.0%)" in found.output
    assert "would go to `mid`" in found.output
    assert "not given, see below" in found.output


def test_the_same_as_json_with_a_list_and_a_picture(new: Path, lines: Path, tmp_path: Path) -> None:
    """For machines; every changed request is a line of its own, and the picture is a PNG."""
    requests, picture = tmp_path / "out.jsonl", tmp_path / "out.png"
    found = run(new, "--records", lines, "--json", "--requests", requests, "--plot", picture)
    report = json.loads(found.stdout)
    assert (report["new"], report["old"], report["decided"]) == (NEW.version, None, 100)
    assert report["by_target"] == [{"from": "small", "to": "mid", "requests": 50, "known": 0}]
    listed = [json.loads(line) for line in requests.read_text().splitlines()]
    assert len(listed) == 50
    assert {(row["before"], row["after"], row["rule_after"]) for row in listed} == {("small", "mid", "hard")}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_policy_in_force_changes_nothing(lines: Path, tmp_path: Path) -> None:
    """Replaying what was recorded, against itself, reroutes 0 %."""
    same = tmp_path / "old.yaml"
    same.write_text(OLD_TEXT)
    report = json.loads(run(same, "--against", same, "--records", lines, "--json").stdout)
    assert (report["old"], report["decided"], report["rerouted"]) == (OLD.version, 100, 0)
    assert [effect["changed"] for effect in report["effects"]] == [0] * len(report["effects"])


def test_grades_from_a_file(new: Path, lines: Path, tmp_path: Path) -> None:
    """Given by request id; they appear as an effect of their own."""
    graded = tmp_path / "graded.jsonl"
    graded.write_text("\n".join(json.dumps({"request_id": f"req_{n}", "score": 1}) for n in range(100)))
    report = json.loads(run(new, "--records", lines, "--graded", graded, "--json").stdout)
    assert {effect["metric"]: effect["rows"] for effect in report["effects"]}["score"] == 100


def test_the_gateways_own_records_are_the_default(new: Path, data_dir: Path) -> None:
    """The database that a gateway wrote, read while it may be writing; older records than --since stay out."""
    from gateway.record import row
    from gateway.types import Outcome
    from tests.unit.gateway.build import call

    async def write() -> None:
        store = SqlRecordStore(f"sqlite+aiosqlite:///{data_dir / 'records.db'}", lambda _: None)
        await store.start()
        store.add(row(Outcome(call(), "ok", "hit"), "v1"))
        await store.close()

    asyncio.run(write())
    assert "no records in the last 7d" in run(new).output
    report = json.loads(run(new, "--since", "all", "--json").stdout)
    assert (report["records"], report["decided"]) == (1, 0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "there are no records in"),
        (b"{}\n", "records.jsonl:1: is no record"),
        (b"not json\n", "records.jsonl:1: is no record"),
        (b"SQLite format 3\x00 and no more", "cannot be read"),
    ],
)
def test_files_that_hold_no_records(new: Path, tmp_path: Path, content: bytes, says: str) -> None:
    """Exit code 1, one line, no traceback."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    found = run(new, "--records", path)
    assert (found.exit_code, says in found.output) == (1, True), found.output


def test_a_broken_policy_is_findings(lines: Path, tmp_path: Path) -> None:
    """As `check` gives them, of both files at once."""
    from gateway.errors import StartupError

    broken = tmp_path / "broken.yaml"
    broken.write_text(NEW_TEXT.replace("difficulty", "dificulty"))
    found = run(broken, "--against", tmp_path / "gone.yaml", "--records", lines)
    assert isinstance(found.exception, StartupError)
    assert [finding.path.rpartition("/")[2] for finding in found.exception.findings] == [
        "broken.yaml",
        "gone.yaml",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "yesterday"], "no span of time"),
        (["--execute", "5"], "--prompts"),
        (["--records", "nowhere.db"], "no such file"),
        (["--graded", "nowhere.jsonl"], "no such file"),
    ],
)
def test_wrong_arguments(new: Path, lines: Path, arguments: list[str], says: str) -> None:
    """The message says what to write instead."""
    records = [] if "--records" in arguments or "--since" in arguments else ["--records", lines]
    found = run(new, *records, *arguments)
    assert found.exit_code != 0
    assert says in " ".join(found.output.split())
