"""`pointsman policy status` and `stop` see and end experiments by the database alone."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.pacing.keeper import Keeper
from gateway.records.pacing import PacingStore
from gateway.records.processes import Processes
from policies.model import Limits
from tests.unit.gateway.experiments.build import VERSION, database, grade, policy
from tests.unit.gateway.experiments.test_monitor import Watch, failing


@pytest.fixture
def command(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("POINTSMAN_DATABASE_URL", raising=False)
    return lambda *arguments: CliRunner().invoke(app, ["policy", *arguments])


@pytest.fixture
def run(command):
    return lambda *arguments: command("status", *arguments)


async def fill(path, *, stop=False):
    async with database(path) as store:
        await Processes(store.engine, "scope").beat("host:1", VERSION)
        watch = Watch(store, policy(max_usd=5.0))
        failing(watch, each=60 if stop else 3)
        await watch.monitor.tick()
        for number in range(6):
            await grade(store, number, 0.5)
        if stop:
            await watch.monitor.tick()
        keeper = Keeper(PacingStore(store.engine), lambda: Limits(usd_per_day=50.0), lambda *_: None)
        await keeper.tick()


def test_a_running_experiment_is_shown_with_its_evidence(run, tmp_path):
    """Counts, money, means and intervals, the verdict and the limits; no line is wider than a terminal."""
    asyncio.run(fill(tmp_path))
    result = run()
    assert result.exit_code == 0
    assert "1 gateway process, policy aaaaaaaaaaaa" in " ".join(result.stdout.split())
    assert "try: canary, small -> new, share 0.5, by request" in " ".join(result.stdout.split())
    assert "3 control, 3 treatment (3 failed); $0.003 spent by what it drew of $5" in " ".join(
        result.stdout.split()
    )
    assert "running: " in " ".join(result.stdout.split())
    assert "$0 of $50 spent on" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_stopped_experiment_says_when_and_why(run, tmp_path):
    """The event is shown twice: beside its experiment, and among what happened."""
    asyncio.run(fill(tmp_path, stop=True))
    said = run().stdout
    assert "STOPPED 1970-01-01 00:00Z: errors are more by over 0.02" in said
    assert "Events\n  1970-01-01 00:00Z  experiment stopped: try: errors are" in said


def test_json_has_everything(run, tmp_path):
    """The same as data, with each measure's interval."""
    asyncio.run(fill(tmp_path, stop=True))
    found = json.loads(run("--json").stdout)
    (shown,) = found["experiments"]
    assert shown["stopped"]["kind"] == "experiment stopped"
    assert shown["evidence"]["verdict"] == "inferior"
    assert [measure["name"] for measure in shown["evidence"]["measures"]] == [
        "quality", "errors", "cost", "latency",
    ]  # fmt: skip
    assert found["serving"] == [VERSION]
    assert found["limits"]["shadow_usd"] == 0.0


def test_experiments_of_other_policies_are_left_out_unless_asked_for(run, tmp_path):
    """After an edit that takes it away, the experiment is history."""

    async def edit():
        await fill(tmp_path)
        async with database(tmp_path) as store:
            await Processes(store.engine, "scope").beat("host:1", "bbbbbbbbbbbb")

    asyncio.run(edit())
    assert "No experiments in force.\n(1 more of other policies: --all)" in run().stdout
    assert "not in force; last under policy aaaaaaaaaaaa" in run("--all").stdout


def test_without_a_database_it_says_where_it_looked(run, tmp_path):
    """Nothing is created by looking."""
    result = run()
    assert result.exit_code == 1
    assert f"there is none at {tmp_path / 'records.db'}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_an_older_release_is_an_error_in_words(run, tmp_path):
    """A table that is absent is named; no traceback."""
    (tmp_path / "records.db").touch()
    result = run()
    assert result.exit_code == 1
    assert "the database of records cannot be used: no such table" in result.stderr


def test_an_experiment_is_ended_by_hand(command, run, tmp_path):
    """A running gateway heeds it with its next look; the event keeps the reason; twice is once."""
    asyncio.run(fill(tmp_path))
    assert command("stop", "try", "--reason", "customers complain").exit_code == 0
    assert "by hand: customers complain" in run().stdout
    again = command("stop", "try")
    assert (again.exit_code, again.stderr) == (1, "error: `try` is stopped already\n")

    async def look():
        async with database(tmp_path) as store:
            watch = Watch(store, policy(max_usd=5.0))
            await watch.monitor.tick()
            return watch.ended

    assert asyncio.run(look()) == {"try"}


def test_an_experiment_that_is_not_there_cannot_be_ended(command, tmp_path):
    """The answer names the nearest, or all that there are."""
    asyncio.run(fill(tmp_path))
    assert "did you mean `try`?" in command("stop", "tryy").stderr
    assert "no experiment `x`; in force: try" in command("stop", "x").stderr
