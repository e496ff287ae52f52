"""Hedges, chains and shadows against real servers on sockets: what each target hears, and what is recorded."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_chat import ask
from tests.fake_upstream import Error, FakeUpstream, Slow, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = """
version: 1
targets:
  first: {kind: upstream, model: one/model, retries: 0, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}
  second: {kind: upstream, model: two/model, retries: 0, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}
rules:
  - id: hedged
    when: {metadata: {plan: hedged}}
    then: {steps: [first, second], hedge: {after_s: 0.2, spend_share: 1.0}}
  - id: chained
    when: {metadata: {plan: chained}}
    then:
      chain:
        - {target: first}
        - {target: second, instruction: "In French: {answer}"}
      steps: [second]
  - id: shadowed
    when: {metadata: {plan: shadowed}}
    then: {steps: [first], shadow: {targets: [second], keep_answers: true}}
default: {steps: [first]}
"""


@pytest.fixture(scope="module")
def first() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def second() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, first: FakeUpstream, second: FakeUpstream
) -> Iterator[Pointsman]:
    folder = tmp_path_factory.mktemp("plans")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "gateway.yaml").write_text(
        f"upstreams:\n  one: {{url: '{first.url}'}}\n  two: {{url: '{second.url}'}}\n"
    )
    arguments = ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))
    with Pointsman(folder / "data", arguments=arguments) as process:
        yield process


@pytest.fixture(autouse=True)
def _fresh(first: FakeUpstream, second: FakeUpstream) -> None:
    first.reset()
    second.reset()


def planned(text: str, plan: str, **options: Any) -> dict[str, Any]:
    return ask(text, metadata={"plan": plan}, store=True, **options)


def row(gateway: Pointsman, table: str, request_id: str) -> dict[str, Any]:
    """The row of a request, once it is written."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with sqlite3.connect(gateway.data_dir / "records.db") as database:
            database.row_factory = sqlite3.Row
            query = f"SELECT * FROM {table} WHERE request_id = ?"  # noqa: S608 our own names
            found = database.execute(query, (request_id,)).fetchone()
        if found is not None:
            return dict(found)
        time.sleep(0.05)
    raise AssertionError(f"no row of {request_id} in {table}")


def test_a_slow_first_step_is_hedged_and_stopped(
    gateway: Pointsman, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The second target answers; the first sees its connection closed; both are on the record with their cost."""
    chat = gateway.client().chat.completions
    first.script(
        Whole("warm", usage=(100_000, 100_000))
    )  # what hedging may spend is a share of what was spent
    chat.create(**planned("Warm up", "hedged"))
    assert [len(server.requests) for server in (first, second)] == [1, 0]
    first.script(Slow(5, Whole("slow")))
    second.script(Whole("fast"))
    started = time.monotonic()
    raw = chat.with_raw_response.create(**planned("Who is faster?", "hedged"))
    assert time.monotonic() - started < 3
    assert raw.parse().choices[0].message.content == "fast"
    assert raw.headers["x-pointsman-target"] == "second"
    deadline = time.monotonic() + 2
    while first.requests[1].disconnected_after_s is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert first.requests[1].disconnected_after_s is not None
    record = row(gateway, "records", raw.headers["x-request-id"])
    attempts = json.loads(record["attempts"])
    assert [(a["target"], a["status"]) for a in attempts] == [("first", "cancelled"), ("second", "ok")]
    assert attempts[0]["cost_usd"] > 0
    assert record["cost_usd"] == pytest.approx(sum(attempt["cost_usd"] for attempt in attempts))


@pytest.mark.parametrize("stream", [False, True])
def test_a_chain_hands_the_first_answer_to_the_second_target(
    gateway: Pointsman, first: FakeUpstream, second: FakeUpstream, stream: bool
) -> None:
    """The client hears the second alone, streamed if it asked for that, and pays for both."""
    first.script(Whole("The sky scatters blue.", usage=(10, 5)))
    second.script(Stream(["Le ciel."]) if stream else Whole("Le ciel.", usage=(20, 4)))
    prompt = f"Why is it blue? {stream}"
    raw = gateway.client().chat.completions.with_raw_response.create(
        **planned(prompt, "chained", stream=stream)
    )
    answer = raw.parse()
    if stream:
        text = "".join(e.choices[0].delta.content or "" for e in answer if e.choices)  # type: ignore[attr-defined]
    else:
        text = answer.choices[0].message.content
    assert text == "Le ciel."
    assert first.requests[0].json["messages"][-1]["content"] == prompt
    assert "stream" not in first.requests[0].json
    assert second.requests[0].json["messages"] == [
        {"role": "user", "content": "In French: The sky scatters blue."}
    ]
    record = row(gateway, "records", raw.headers["x-request-id"])
    attempts = json.loads(record["attempts"])
    assert [(a["target"], a["status"]) for a in attempts] == [("first", "ok"), ("second", "ok")]
    assert record["cost_usd"] == pytest.approx(sum(attempt["cost_usd"] for attempt in attempts))


def test_a_broken_chain_falls_back_to_the_steps(
    gateway: Pointsman, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The step gets the request as the client sent it."""
    first.script(Error(500))
    second.script(Whole("Directly."))
    raw = gateway.client().chat.completions.with_raw_response.create(**planned("Fall back", "chained"))
    assert raw.parse().choices[0].message.content == "Directly."
    assert second.requests[0].json["messages"] == [{"role": "user", "content": "Fall back"}]


def test_a_shadow_hears_the_request_and_the_client_does_not_hear_the_shadow(
    gateway: Pointsman, first: FakeUpstream, second: FakeUpstream
) -> None:
    """A slow shadow delays nothing; its answer is in the table of shadows beside the one that was released."""
    first.script(Whole("Paris."))
    second.script(Slow(0.5, Whole("paris")))
    started = time.monotonic()
    raw = gateway.client().chat.completions.with_raw_response.create(**planned("Capital?", "shadowed"))
    assert time.monotonic() - started < 0.5
    assert raw.parse().choices[0].message.content == "Paris."
    shadow = row(gateway, "shadows", raw.headers["x-request-id"])
    assert (shadow["target"], shadow["status"], shadow["agrees"]) == ("second", "ok", 1)
    assert (shadow["answer"], shadow["released_answer"]) == ("paris", "Paris.")
    with gateway.http() as client:
        metrics = client.get("/metrics").text
    assert 'pointsman_shadows_total{status="ok",target="second"} 1.0' in metrics
