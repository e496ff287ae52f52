"""The load generator counts what really came back, from servers on real sockets."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gateway.cli.bench.load import Load, default_body, percentiles, run_load
from tests.fake_upstream import Cut, DropConnection, Error, ErrorInStream, FakeUpstream, Garbage, Raw


@pytest.fixture
def upstream():
    """A scriptable upstream."""
    with FakeUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def mock_url():
    """The mock upstream as a process of its own."""
    argv = [sys.executable, "-m", "gateway.cli.bench.mock_upstream", "--port", "0", "--events", "20"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/chat/completions"
        process.terminate()


def load(url, **options):
    """A small load of the shipped body."""
    return Load(url=url, body=default_body(), **{"connections": 2, "requests": 10, **options})


def test_every_whole_answer_is_counted(mock_url):
    """Ten requests over three connections give ten answers and ordered percentiles."""
    report = run_load(load(mock_url, connections=3))
    assert (report.ok, report.non_2xx, report.errors) == (10, 0, 0)
    assert 0 < report.latency_ms.p50 <= report.latency_ms.p90 <= report.latency_ms.p99
    assert report.first_event_ms is None


def test_every_event_of_a_stream_is_counted(mock_url):
    """Twenty content events and the finish are seen, and the first comes before the end."""
    report = run_load(load(mock_url, stream=True))
    assert (report.ok, report.errors, report.events_per_request) == (10, 0, 21.0)
    assert report.first_event_ms.p50 <= report.latency_ms.p50


def test_a_run_ends_by_the_clock(mock_url):
    """With `seconds` and no number of requests the run ends in time."""
    report = run_load(load(mock_url, requests=None, seconds=0.1))
    assert report.ok > 10
    assert report.elapsed_s < 5


def test_a_load_without_an_end_is_refused(mock_url):
    """A load must say when to stop."""
    with pytest.raises(ValueError, match="seconds"):
        run_load(load(mock_url, requests=None))


def test_unique_prompts_never_repeat(upstream):
    """`unique` makes every prompt new, also across runs; without it all are the same."""
    for _ in range(2):
        run_load(load(upstream.url + "/chat/completions", unique=True))
    prompts = [request.json["messages"][-1]["content"] for request in upstream.requests]
    assert len(set(prompts)) == len(prompts) == 20
    upstream.requests.clear()
    run_load(load(upstream.url + "/chat/completions", headers={"x-a": "b"}))
    assert len({request.body for request in upstream.requests}) == 1
    assert {request.headers["x-a"] for request in upstream.requests} == {"b"}


@pytest.mark.parametrize(
    ("behaviour", "stream", "non_2xx", "errors"),
    [
        (Error(429), False, 1, 0),
        (DropConnection(), False, 0, 1),
        (Cut(), False, 0, 1),
        (Cut(), True, 0, 1),
        (ErrorInStream(), True, 0, 1),
        (Raw(200, {"connection": "close"}, b"{}"), False, 0, 0),
    ],
)
def test_failures_are_told_apart(upstream, behaviour, stream, non_2xx, errors):
    """A refusal, a broken connection and a stream without its end are no good answers; the rest still counts."""
    upstream.script(behaviour)
    report = run_load(load(upstream.url + "/chat/completions", connections=1, stream=stream))
    assert (report.non_2xx, report.errors) == (non_2xx, errors)
    assert report.ok == 10 - non_2xx - errors
    assert (report.sample_failure is None) == (non_2xx + errors == 0)


def test_an_absent_server_ends_the_run(upstream):
    """Where nobody listens, the run stops by itself and says why."""
    upstream.stop()
    report = run_load(load(upstream.url + "/chat/completions"))
    assert report.ok == 0
    assert "no connection" in report.sample_failure


def test_the_command_prints_one_json_line(upstream, tmp_path):
    """The module runs as a program with a body of one's own."""
    upstream.script(Garbage())
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"messages": [{"role": "user", "content": "hi"}]}))
    argv = [sys.executable, "-m", "gateway.cli.bench.load", "--url", upstream.url + "/chat/completions"]
    options = ["--requests", "3", "--connections", "1", "--body", str(body), "--header", "x-k: v"]
    done = subprocess.run([*argv, *options], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ok"] == 3
    assert upstream.requests[0].headers["x-k"] == "v"


def test_percentiles_are_nearest_rank():
    """One hundred values from 1 ms to 100 ms have the median and the tail one expects; none have none."""
    found = percentiles([n / 1000 for n in range(1, 101)])
    assert (found.p50, found.p90, found.p99) == (50.0, 90.0, 99.0)
    assert percentiles([]) is None
