"""From requests to a running gateway to a replay of them, and a sample sent for real."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.fake_upstream import FakeUpstream, Whole
from tests.processes import Pointsman, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGETS = """
version: 1
targets:
  cheap: {kind: upstream, model: openai/gpt-4o-mini, ability: gpt-4o-mini-2024-07-18}
  dear: {kind: upstream, model: openai/gpt-4o, ability: gpt-4o-2024-08-06}
"""
OLD = (
    TARGETS
    + """
rules:
  - {id: search, when: {metadata: {team: search}, header: {x-app: "web*"}}, then: {steps: [dear]}}
default: {steps: [cheap, dear]}
experiments:
  - {id: look-around, kind: explore, share: 0.5}
"""
)
NEW = TARGETS + "default: {steps: [dear, cheap]}\n"
REQUESTS = 160  # so many that the rule alone gives `dear` the answers that a price takes, whatever is drawn


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pointsman, Path, list[str]]]:
    """A gateway that explores, its folder, and the ids of the requests it has answered and recorded."""
    folder = tmp_path_factory.mktemp("replay")
    (folder / "old.yaml").write_text(OLD)
    (folder / "new.yaml").write_text(NEW)
    with FakeUpstream() as upstream:
        environ = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "x"}
        arguments = ("--policy", str(folder / "old.yaml"))
        with Pointsman(folder / "data", arguments=arguments, environ=environ) as gateway:
            upstream.script(*[Whole("fine", usage=(100, 50))] * (REQUESTS + 8))
            yield gateway, folder, [_ask(gateway, number) for number in range(REQUESTS)]


def _ask(gateway: Pointsman, number: int) -> str:
    metadata = {"team": "search"} if number % 4 == 0 else {}
    raw = gateway.client(default_headers={"x-app": "web"}).chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": f"question {number}"}], metadata=metadata
    )
    return str(raw.headers["x-request-id"])


def _wait_for_records(database: Path) -> None:
    deadline = time.monotonic() + 10
    with closing(sqlite3.connect(database)) as connection:
        while connection.execute("SELECT count(*) FROM records").fetchone()[0] < REQUESTS:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def replay(folder: Path, policy: str, *more: str) -> dict[str, Any]:
    """The report on the gateway's own records, read while it runs."""
    database = folder / "data" / "records.db"
    _wait_for_records(database)
    arguments = ["policy", "replay", str(folder / policy), "--records", str(database), "--json", *more]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    report: dict[str, Any] = json.loads(found.stdout)
    return report


def test_what_a_gateway_recorded_is_decided_again_alike(traffic: tuple[Pointsman, Path, list[str]]) -> None:
    """Header, metadata, signals and the draws of the experiment: all of it comes back, nothing is rerouted."""
    _, folder, _ = traffic
    report = replay(folder, "old.yaml", "--against", str(folder / "old.yaml"))
    assert (report["decided"], report["rerouted"], report["refused"]) == (REQUESTS, 0, 0)


def test_an_edit_is_measured_where_the_experiment_drew(traffic: tuple[Pointsman, Path, list[str]]) -> None:
    """Requests that had been drawn to the new target show what it does; those of the rule were never drawn."""
    _, folder, _ = traffic
    report = replay(folder, "new.yaml")
    cost = next(effect for effect in report["effects"] if effect["metric"] == "cost_usd")
    assert 0 < report["rerouted"] < REQUESTS
    assert cost["drawn"] == REQUESTS - REQUESTS // 4
    assert cost["change"]["value"] > 0
    # Weights average 1; which requests were drawn is chance, so the bounds leave room that no honest draw needs.
    assert cost["overlap"]["low"] < 1.7
    assert cost["overlap"]["high"] > 0.5


def test_a_sample_is_sent_for_real_and_stops_at_its_budget(
    traffic: tuple[Pointsman, Path, list[str]],
) -> None:
    """Requests go to the new target through the gateway; the next one that could pass the budget is not sent."""
    gateway, folder, ids = traffic
    prompts = folder / "prompts.jsonl"
    messages = [{"role": "user", "content": "again"}]
    prompts.write_text("\n".join(json.dumps({"request_id": name, "messages": messages}) for name in ids))
    more = ("--execute", "8", "--prompts", str(prompts), "--url", gateway.origin)
    whole = replay(folder, "new.yaml", *more, "--max-usd", "1")["executed"]
    assert (whole["sent"], whole["failed"], whole["stopped"]) == (8, 0, "")
    assert whole["usd"] == pytest.approx(8 * (100 * 2.5 + 50 * 10) / 1e6)
    assert {answer["target"] for answer in whole["answers"]} == {"dear"}
    short = replay(folder, "new.yaml", *more, "--max-usd", "0.0001")["executed"]
    assert (short["sent"], "could pass $0.0001" in short["stopped"]) == (0, True)


def test_a_gateway_that_is_not_there_is_said(traffic: tuple[Pointsman, Path, list[str]]) -> None:
    """The report stays; the sample says why nothing was sent."""
    _, folder, ids = traffic
    prompts = folder / "prompts.jsonl"
    prompts.write_text("\n".join(json.dumps({"request_id": name, "messages": []}) for name in ids))
    nowhere = f"http://127.0.0.1:{free_port()}"
    more = ("--execute", "2", "--prompts", str(prompts), "--max-usd", "1", "--url", nowhere)
    found = replay(folder, "new.yaml", *more)["executed"]
    assert (found["sent"], "does not answer" in found["stopped"]) == (0, True)
