"""Circuit breakers, retry budgets, concurrency limits and deadlines of a real gateway before real sockets."""

from __future__ import annotations

import concurrent.futures
import re
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.contract.test_chat import ask
from tests.fake_upstream import Error, FakeUpstream, Hang, Slow, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fake_upstream.behaviours import Asked

POLICY = """
version: 1
targets:
  first: {kind: upstream, model: one/model, retries: 0}
  patient: {kind: upstream, model: one/model, retries: 3}
  second: {kind: upstream, model: two/model, retries: 0}
rules:
  - {id: alone, when: {metadata: {plan: alone}}, then: {steps: [first]}}
  - {id: retried, when: {metadata: {plan: retried}}, then: {steps: [patient]}}
  - {id: hurried, when: {metadata: {plan: hurried}}, then: {steps: [first, second], deadline_s: 0.5}}
  - {id: quick, when: {metadata: {plan: quick}}, then: {steps: [first, second], first_token_s: 0.3}}
  - {id: pieces, when: {metadata: {plan: pieces}}, then: {steps: [first], timeout_s: 0.5}}
default: {steps: [first, second]}
"""
GUARDED = """
upstreams:
  one:
    url: '{one}'
    breaker: {{min_calls: 4, open_s: 5, max_open_s: 5, probes: 1}}
    concurrency: {{limit: 2, queue: 1, wait_s: 0.3}}
  two: {{url: '{two}'}}
"""


@pytest.fixture
def one() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture
def two() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server.always(Whole("from two"))


@pytest.fixture
def gateway(tmp_path: Path, one: FakeUpstream, two: FakeUpstream) -> Iterator[Pointsman]:
    """A gateway of its own for each test: a circuit that one test opens stays open."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "gateway.yaml").write_text(GUARDED.format(one=one.url, two=two.url))
    arguments = ("--policy", str(tmp_path / "policy.yaml"), "--config", str(tmp_path / "gateway.yaml"))
    with Pointsman(tmp_path / "data", arguments=arguments) as process:
        yield process


def said(gateway: Pointsman, text: str, plan: str = "both", **options: Any) -> str | None:
    chat = gateway.client().chat.completions
    return chat.create(**ask(text, metadata={"plan": plan}, **options)).choices[0].message.content  # type: ignore[no-any-return]


def endpoints(gateway: Pointsman) -> dict[str, dict[str, Any]]:
    with gateway.http() as client:
        found: dict[str, dict[str, Any]] = client.get("/readyz?full=1").json()["endpoints"]
    return found


def test_a_failing_target_is_left_alone_until_it_is_well(
    gateway: Pointsman, one: FakeUpstream, two: FakeUpstream
) -> None:
    """The circuit opens, every request is answered all the same, a probe closes it, and all of that can be seen."""
    one.always(Error(500))
    assert [said(gateway, f"fails {n}") for n in range(10)] == ["from two"] * 10
    assert len(one.requests) == 4
    assert endpoints(gateway)["one/model"]["circuit"] == "open"
    with pytest.raises(openai.InternalServerError) as raised:
        said(gateway, "nobody else", "alone")
    assert (raised.value.status_code, raised.value.code) == (503, "circuit_open")
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 6
    assert len(one.requests) == 4
    one.always(Whole("from one"))
    deadline = time.monotonic() + 15
    while (
        answer := said(gateway, f"well again {time.monotonic()}")
    ) == "from two" and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer == "from one"
    assert endpoints(gateway)["one/model"]["circuit"] == "closed"
    with gateway.http() as client:
        metrics = client.get("/metrics").text
    assert 'pointsman_circuit_changes_total{endpoint="one/model",to="open"} 1.0' in metrics
    held = re.search(r'calls_not_sent_total\{endpoint="one/model",reason="circuit_open"\} ([0-9.]+)', metrics)
    assert held is not None and float(held[1]) >= 7
    assert 'pointsman_circuit_open{endpoint="one/model"} 0.0' in metrics
    assert "circuit of one/model is open: 4 of 4 calls failed within 10 s" in gateway.log
    assert "circuit of one/model is closed" in gateway.log


def test_retries_stay_within_their_budget(tmp_path: Path, one: FakeUpstream) -> None:
    """Forty failing requests that may each be repeated three times make at most 10 + 20 % more calls, not 120."""
    one.always(Error(503))
    (tmp_path / "policy.yaml").write_text(POLICY)
    breaker = "breaker: {min_calls: 100000}"
    (tmp_path / "gateway.yaml").write_text(f"upstreams: {{one: {{url: '{one.url}', {breaker}}}}}\n")
    arguments = ("--policy", str(tmp_path / "policy.yaml"), "--config", str(tmp_path / "gateway.yaml"))
    with Pointsman(tmp_path / "data", arguments=arguments) as gateway:

        def fails(number: int) -> None:
            with pytest.raises(openai.InternalServerError):
                said(gateway, f"retried {number}", "retried")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(fails, range(40)))
    assert 40 + 10 <= len(one.requests) <= 40 + 10 + 8 + 1


def test_a_target_that_asks_to_wait_is_not_called_meanwhile(
    gateway: Pointsman, one: FakeUpstream, two: FakeUpstream
) -> None:
    """`retry-after` holds for every request; alone in a plan, its 429 says how long."""
    one.script(Error(429, retry_after=30))
    assert [said(gateway, f"limited {n}") for n in range(3)] == ["from two"] * 3
    assert len(one.requests) == 1
    with pytest.raises(openai.RateLimitError) as raised:
        said(gateway, "limited alone", "alone")
    assert 25 < int(raised.value.response.headers["retry-after"]) <= 30
    assert endpoints(gateway)["one/model"]["paused_s"] > 25


def test_too_many_calls_at_once_wait_a_little_and_then_go_on(
    gateway: Pointsman, one: FakeUpstream, two: FakeUpstream
) -> None:
    """Two run, one waits, the rest goes to the next step at once; alone in a plan they get 503 and `retry-after`."""
    one.always(Slow(0.8, Whole("from one")))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: said(gateway, f"crowd {n}"), range(6)))
    assert sorted(str(answer) for answer in answers) == ["from one"] * 2 + ["from two"] * 4
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        held = [pool.submit(said, gateway, f"held {n}", "alone") for n in range(2)]
        assert one.wait_for_requests(4)
        with pytest.raises(openai.InternalServerError) as raised:
            said(gateway, "too many", "alone")
        assert [future.result() for future in held] == ["from one"] * 2
    assert (raised.value.code, raised.value.response.headers["retry-after"]) == ("target_busy", "1")
    assert endpoints(gateway)["one/model"]["in_flight"] == 0


def test_a_streamed_answer_holds_its_slot_to_the_end(gateway: Pointsman, one: FakeUpstream) -> None:
    """And gives it back when its client leaves."""
    one.always(Hang(after_events=3))
    client = gateway.client()
    options = ask("hang", stream=True, metadata={"plan": "alone"})
    streams = [client.chat.completions.create(**options, seed=n) for n in range(2)]
    for stream in streams:
        next(iter(stream))
    assert endpoints(gateway)["one/model"]["in_flight"] == 2
    for stream in streams:
        stream.close()
    deadline = time.monotonic() + 2
    while endpoints(gateway)["one/model"]["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert endpoints(gateway)["one/model"]["in_flight"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_plan_ends_at_its_deadline(gateway: Pointsman, one: FakeUpstream, stream: bool) -> None:
    """Over all steps: the one under way is cancelled and no other is begun."""
    one.always(Hang())
    started = time.monotonic()
    with pytest.raises(openai.InternalServerError) as raised:
        gateway.client().chat.completions.create(**ask("hurry", stream=stream, metadata={"plan": "hurried"}))
    assert (raised.value.status_code, raised.value.code) == (504, "deadline_passed")
    assert 0.4 < time.monotonic() - started < 2
    deadline = time.monotonic() + 2
    while one.requests[0].disconnected_after_s is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert one.requests[0].disconnected_after_s is not None


class Trickle:
    """Sends a comment every 50 ms: bytes that say nothing. After so many `events` of a stream."""

    def __init__(self, events: int) -> None:
        self.events = events

    async def play(self, asked: Asked) -> None:
        import asyncio

        await asked.exchange.start_stream()
        for chunk in ({"role": "assistant"}, {"content": "one"}, {"content": " two"})[: self.events]:
            body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            await asked.exchange.send_chunk(
                asked.shape.event(body | {"choices": [{"index": 0, "delta": chunk, "finish_reason": None}]})
            )
        while True:
            await asyncio.sleep(0.05)
            await asked.exchange.send_chunk(b": keep-alive\n\n")


def test_a_stream_that_says_nothing_is_given_up_for_the_next_step(
    gateway: Pointsman, one: FakeUpstream, two: FakeUpstream
) -> None:
    """`first_token_s` counts to the first words, not to the first byte."""
    one.always(Trickle(events=1))
    two.always(Stream(["from", " two"]))
    started = time.monotonic()
    events = gateway.client().chat.completions.create(**ask("quick", stream=True, metadata={"plan": "quick"}))
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == "from two"
    assert 0.25 < time.monotonic() - started < 2


def test_a_stream_that_stops_in_the_middle_ends_with_an_error_event(
    gateway: Pointsman, one: FakeUpstream
) -> None:
    """Though comments go on trickling; the client is told, and the call is dropped."""
    one.always(Trickle(events=3))
    started = time.monotonic()
    events = gateway.client().chat.completions.create(
        **ask("pieces", stream=True, metadata={"plan": "pieces"})
    )
    with pytest.raises(openai.APIError, match="did not answer in time"):
        for _ in events:
            pass
    assert 0.4 < time.monotonic() - started < 2
