"""What a request leaves behind: one record, one trace, one log line, metrics, and no text of it anywhere."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.contract.test_chat import ask
from tests.fake_upstream import Error, Hang, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fake_collector import FakeCollector
    from tests.fake_upstream import FakeUpstream


@pytest.fixture
def observed(
    tmp_path: Path, upstream: FakeUpstream, collector: FakeCollector, plain_policy: Path
) -> Iterator[Pointsman]:
    """A gateway that exports to the fake collector as soon as it can."""
    environ = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "upstream-canary",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy)), environ=environ) as gateway:
        yield gateway


def records(gateway: Pointsman, count: int) -> list[dict[str, Any]]:
    """All records, once there are `count` of them."""
    deadline = time.monotonic() + 10
    with sqlite3.connect(gateway.data_dir / "records.db") as database:
        database.row_factory = sqlite3.Row
        while True:
            rows = [dict(row) for row in database.execute("SELECT * FROM records ORDER BY at")]
            if len(rows) >= count or time.monotonic() > deadline:
                return rows
            time.sleep(0.05)


def test_one_trace_tells_the_whole_story(
    observed: Pointsman, upstream: FakeUpstream, collector: FakeCollector
) -> None:
    """Server span with cache, classify, decide and attempt below it, tokens and cost on them, ids as in the header."""
    upstream.script(Whole("Oslo", usage=(1000, 500)))
    raw = observed.client().chat.completions.with_raw_response.create(**ask("trace me"))
    assert collector.wait_for(5, timeout_s=10)
    spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {"POST /v1/chat/completions", "cache", "classify", "decide", "attempt"}
    root = spans["POST /v1/chat/completions"]
    assert {span.trace_id for span in spans.values()} == {raw.headers["x-pointsman-trace-id"]}
    assert all(span.parent_id == root.span_id for name, span in spans.items() if span is not root)
    assert root.kind == "server"
    assert root.attributes["pointsman.rule"] == "default"
    assert root.attributes["pointsman.cache.verdict"] == "miss"
    attempt = spans["attempt"]
    assert attempt.kind == "client"
    assert attempt.attributes["gen_ai.operation.name"] == "chat"
    assert attempt.attributes["gen_ai.provider.name"] == "openai"
    assert attempt.attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert attempt.attributes["gen_ai.usage.input_tokens"] == 1000
    assert attempt.attributes["pointsman.cost.usd"] == pytest.approx(0.00045)
    assert root.attributes["pointsman.cost.usd"] == pytest.approx(float(raw.headers["x-pointsman-cost-usd"]))
    assert 0 <= spans["classify"].attributes["pointsman.difficulty"] <= 1
    assert all(root.start_ns <= span.start_ns <= span.end_ns for span in spans.values())


def test_the_callers_trace_is_continued(observed: Pointsman, collector: FakeCollector) -> None:
    """A W3C `traceparent` of the caller becomes the parent of our server span."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    observed.client(default_headers={"traceparent": parent}).chat.completions.create(**ask("continue"))
    assert collector.wait_for(5, timeout_s=10)
    root = next(span for span in collector.spans() if span.kind == "server")
    assert root.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert root.parent_id == "b7ad6b7169203331"


def test_every_ending_leaves_exactly_one_record(observed: Pointsman, upstream: FakeUpstream) -> None:
    """Answered, repeated from the cache, failed, and abandoned requests have a row each, with their cost."""
    upstream.script(
        Whole("first", usage=(1000, 1000)),
        Error(500),
        Stream(["a", "b"], usage=(10, 2)),
        Hang(after_events=3),
    )
    client = observed.client()
    client.chat.completions.create(**ask("row one"))
    client.chat.completions.create(**ask("row one"))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ask("row three"))
    list(client.chat.completions.create(**ask("row four", stream=True)))
    with client.chat.completions.create(**ask("row five", stream=True)) as stream:
        next(iter(stream))
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "row six"}])
    rows = records(observed, 6)
    assert [row["status"] for row in rows] == ["ok", "ok", "error", "ok", "cancelled", "error"]
    assert [row["cache"] for row in rows] == ["miss", "hit", "miss", "miss", "miss", "off"]
    assert rows[0]["cost_usd"] == pytest.approx(0.00075)
    assert rows[1]["cost_usd"] == 0.0 and rows[1]["counterfactual_usd"] == pytest.approx(0.00075)
    assert rows[2]["error_code"] == "all_targets_failed" and rows[2]["http_status"] == 503
    assert json.loads(rows[2]["attempts"])[0]["error"] == "upstream_unavailable"
    assert (rows[3]["prompt_tokens"], rows[3]["completion_tokens"]) == (10, 2)
    assert rows[4]["usage_estimated"] == 1 and rows[4]["cost_usd"] > 0
    assert rows[5]["error_code"] == "model_not_found"
    assert len({row["request_id"] for row in rows}) == 6


def test_no_text_and_no_secret_leaves_by_a_side_door(
    observed: Pointsman, upstream: FakeUpstream, collector: FakeCollector
) -> None:
    """A canary in prompt, answer, header, query, key and upstream error is in no span, record, metric or log line."""
    canary = "canary7391"
    upstream.script(Whole(f"answer {canary}"), Error(500, f"error {canary}"))
    client = observed.client(
        api_key=f"key-{canary}", default_headers={"x-secret": canary}, default_query={"k": canary}
    )
    client.chat.completions.create(**ask(f"prompt {canary}", user=canary, metadata={"note": canary}))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ask(f"another prompt {canary}"))
    assert collector.wait_for(10, timeout_s=10)
    rows = records(observed, 2)
    with observed.http() as http:
        metrics = http.get("/metrics").text
    for place, text in {
        "spans": repr(collector.spans()), "records": repr(rows), "metrics": metrics, "log": observed.log,
    }.items():  # fmt: skip
        assert canary not in text, place
        assert "upstream-canary" not in text, place


def test_metrics_count_what_happened(observed: Pointsman, upstream: FakeUpstream) -> None:
    """Requests, tokens, money and latency can be scraped."""
    upstream.script(Whole("m", usage=(1000, 1000)))
    client = observed.client()
    for _ in range(2):
        client.chat.completions.create(**ask("metrics"))
    with observed.http() as http:
        assert http.post("/v1/chat/completions", content=b"{").status_code == 400
        text = http.get("/metrics").text
    assert 'pointsman_rejected_total{code="invalid_request"} 1.0' in text
    assert 'pointsman_requests_total{cache="miss",status="ok",target="up"} 1.0' in text
    assert 'pointsman_requests_total{cache="hit",status="ok",target="up"} 1.0' in text
    assert 'pointsman_tokens_total{kind="input",target="up"} 1000.0' in text
    assert 'pointsman_request_duration_seconds_count{target="up"} 2.0' in text


def test_a_dead_collector_costs_nothing(observed: Pointsman, collector: FakeCollector) -> None:
    """With a collector that never answers, requests go on and SIGTERM ends the process within seconds."""
    collector.mode = "black_hole"
    for number in range(3):
        observed.client().chat.completions.create(**ask(f"dead {number}"))
    started = time.monotonic()
    assert observed.stop() in (0, -15)
    assert time.monotonic() - started < 8
