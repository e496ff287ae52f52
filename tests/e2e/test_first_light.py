"""One real request of each kind, end to end: the official client, real models, nothing configured."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import httpx
import openai
import psutil
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from policies.by_name import shipped
from tests.fake_upstream import FakeUpstream, Whole
from tests.processes import Pointsman, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REVIEW = (
    "Is this review positive or negative? 'The plot drags and the jokes are stale.' Answer with one word."
)
CAPITAL = "What is the capital of France?"
OLYMPIAD = (
    "Let n be a positive integer. Prove that there are infinitely many primes p such that p divides "
    "2^(2^n) + 3^(2^n) for some n, and determine all positive integers n for which n^2 + 1 divides 2^n + 3^n."
)
REFACTORING = (
    "Refactor the persistence layer of this service across its twelve modules: replace the hand-written SQL by a "
    "repository per aggregate, keep every public signature, and list the migration steps with their tests."
)
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def ask(text: str, **options: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **options}


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (REVIEW, "negative"),
        (
            "Classify the sentiment as POSITIVE or NEGATIVE.\n\nReview: A joy from start to finish.",
            "POSITIVE",
        ),
    ],
)
def test_a_specialist_answers_in_the_words_asked_for(served: Pointsman, prompt: str, answer: str) -> None:
    """Behaviour 1: a sentiment question is answered by the fine-tuned MiniLM, whole and streamed."""
    raw = served.client().chat.completions.with_raw_response.create(**ask(prompt))
    completion = raw.parse()
    assert completion.choices[0].message.content == answer
    assert completion.usage is not None and completion.usage.completion_tokens >= 1
    assert raw.headers["x-pointsman-target"] == "sentiment"
    assert raw.headers["x-pointsman-task"] == "sentiment"
    assert float(raw.headers["x-pointsman-confidence"]) >= 0.8
    no_cache = served.client(default_headers={"cache-control": "no-cache"})
    events = list(no_cache.chat.completions.create(**ask(prompt, stream=True)))
    assert "".join(event.choices[0].delta.content or "" for event in events) == answer


def test_the_small_language_model_answers_an_easy_question(served: Pointsman) -> None:
    """Behaviour 2: SmolLM2 under llama.cpp answers, whole and streamed in several pieces."""
    fresh = served.client(default_headers={"cache-control": "no-store"})
    raw = fresh.chat.completions.with_raw_response.create(**ask(CAPITAL, temperature=0))
    assert "Paris" in (raw.parse().choices[0].message.content or "")
    assert raw.headers["x-pointsman-target"] == "small"
    assert raw.headers["x-pointsman-model"] == "smollm2-135m-instruct"
    assert float(raw.headers["x-pointsman-cost-usd"]) > 0
    assert float(raw.headers["x-pointsman-saved-usd"]) > 0
    events = list(fresh.chat.completions.create(**ask(CAPITAL, temperature=0, stream=True)))
    pieces = [event.choices[0].delta.content for event in events if event.choices[0].delta.content]
    assert len(pieces) > 2
    assert "Paris" in "".join(pieces)


@pytest.mark.parametrize("prompt", [OLYMPIAD, REFACTORING])
def test_a_hard_request_without_an_llm_says_what_to_set(served: Pointsman, prompt: str) -> None:
    """Behaviour 3: 503 `no_upstream_configured` names the variable; the client does not retry in vain."""
    with pytest.raises(openai.InternalServerError, match="OPENAI_API_KEY") as raised:
        served.client(max_retries=2).chat.completions.create(**ask(prompt))
    assert raised.value.status_code == 503
    assert raised.value.code == "no_upstream_configured"
    assert raised.value.response.headers["x-should-retry"] == "false"


def test_tools_need_an_llm_too(served: Pointsman) -> None:
    """Behaviour 3: a request with tools is not given to a model that cannot call them."""
    with pytest.raises(openai.InternalServerError) as raised:
        served.client().chat.completions.create(**ask("What is the weather in Oslo?", tools=TOOLS))
    assert raised.value.code == "no_upstream_configured"


def test_the_same_request_again_is_a_cache_hit(served: Pointsman) -> None:
    """Behaviour 4: asked whole, then streamed: the second answer comes from the cache, in the form asked for."""
    question = "What is the capital of Italy?"
    first = served.client().chat.completions.create(**ask(question))
    raw = served.client().chat.completions.with_raw_response.create(**ask(question, stream=True))
    assert raw.headers["x-pointsman-cache"] == "hit"
    text = "".join(event.choices[0].delta.content or "" for event in raw.parse())
    assert text == first.choices[0].message.content


def test_each_request_leaves_one_record_that_its_headers_lead_to(served: Pointsman) -> None:
    """Behaviour 5: header, record and trace id belong together; signals, cost and latency are in the record."""
    raw = served.client().chat.completions.with_raw_response.create(**ask("What is the capital of Spain?"))
    with sqlite3.connect(served.data_dir / "records.db") as database:
        database.row_factory = sqlite3.Row
        deadline = time.monotonic() + 10
        while not (row := _record(database, raw.headers["x-request-id"])) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert row is not None
    assert row["trace_id"] == raw.headers["x-pointsman-trace-id"]
    assert row["target"] == raw.headers["x-pointsman-target"]
    assert row["cost_usd"] == pytest.approx(float(raw.headers["x-pointsman-cost-usd"]), abs=1e-9)
    assert row["total_ms"] >= row["first_byte_ms"] > 0
    assert json.loads(row["signals"])["task"] == raw.headers["x-pointsman-task"]


def _record(database: sqlite3.Connection, request_id: str) -> Any:
    return database.execute("SELECT * FROM records WHERE request_id = ?", (request_id,)).fetchone()


def test_the_console_port_says_that_it_is_not_built(served: Pointsman) -> None:
    """404 with a sentence, not a refused connection."""
    port = served.arguments[1]
    response = httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
    assert response.status_code == 404
    assert "not built yet" in response.json()["error"]["message"]


def test_start_says_what_is_ready_and_gives_a_line_to_paste(served: Pointsman) -> None:
    """The printed curl line works as it is."""
    for words in ("is ready after", "OPENAI_API_KEY", "records.db", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        assert words in served.log
    line = re.search(r"curl -s (\S+) .*\n\s+-d '(.*)'", served.log)
    assert line is not None
    answer = httpx.post(
        line.group(1), content=line.group(2), headers={"content-type": "application/json"}, timeout=60
    )
    assert "Paris" in answer.json()["choices"][0]["message"]["content"]


def test_memory_stays_within_its_budget(served: Pointsman) -> None:
    """Gateway at most 150 MB when idle; gateway and worker with both models at most 1.5 GB."""
    assert served.process is not None
    children = psutil.Process(served.process.pid).children(recursive=True)
    resident = {child.pid: child.memory_info().rss / 1e6 for child in children}
    gateway = next(child for child in children if "gateway" in child.cmdline()[3:])
    assert sum(resident.values()) <= 1500, resident
    with Pointsman(served.data_dir / "idle") as idle:
        assert idle.process is not None
        assert psutil.Process(idle.process.pid).memory_info().rss / 1e6 <= 150
    assert gateway.is_running()


@pytest.fixture
def with_llm(tmp_path: Path) -> Iterator[tuple[Pointsman, FakeUpstream]]:
    """The shipped policy with an LLM behind it and no worker."""
    with FakeUpstream() as upstream:
        environ = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        with Pointsman(tmp_path / "data", environ=environ) as gateway:
            yield gateway, upstream


@pytest.mark.parametrize(
    ("prompt", "options"), [(OLYMPIAD, {}), (REFACTORING, {}), ("Weather in Oslo?", {"tools": TOOLS})]
)
def test_a_hard_request_goes_to_the_llm(
    with_llm: tuple[Pointsman, FakeUpstream], prompt: str, options: dict[str, Any]
) -> None:
    """Behaviour 3 with an LLM configured: the request arrives there as it was sent."""
    gateway, upstream = with_llm
    upstream.script(Whole("a long proof"))
    raw = gateway.client().chat.completions.with_raw_response.create(**ask(prompt, **options))
    assert raw.parse().choices[0].message.content == "a long proof"
    assert raw.headers["x-pointsman-target"] == "large"
    assert upstream.requests[0].json["messages"] == [{"role": "user", "content": prompt}]


def test_an_easy_request_goes_up_when_no_worker_runs(with_llm: tuple[Pointsman, FakeUpstream]) -> None:
    """Local models are an offer: without a worker the same policy answers from the LLM."""
    gateway, upstream = with_llm
    upstream.script(Whole("Paris"))
    raw = gateway.client().chat.completions.with_raw_response.create(**ask(CAPITAL))
    assert raw.headers["x-pointsman-target"] == "mid"


def test_degrading_answers_locally_and_says_so(tmp_path: Path) -> None:
    """Behaviour 3 with `on_missing_upstream: degrade`: the local model answers, the header tells, nothing is kept."""
    policy = tmp_path / "policy.yaml"
    text = shipped().read_text()
    policy.write_text(text.replace("on_missing_upstream: fail", "on_missing_upstream: degrade"))
    arguments = ("--console-port", str(free_port()), "--policy", str(policy), "--workers", "2")
    with Pointsman(tmp_path / "data", command="serve", arguments=arguments) as process:
        process.wait_ready(full=True, timeout_s=120)
        for _ in range(2):
            raw = process.client().chat.completions.with_raw_response.create(**ask(OLYMPIAD, max_tokens=8))
            assert raw.headers["x-pointsman-degraded"] == "missing-upstream"
            assert raw.headers["x-pointsman-target"] == "small"
            assert raw.headers["x-pointsman-cache"] == "miss"
        chat = process.client().chat.completions
        raw = chat.with_raw_response.create(**ask("What is the weather in Paris?", tools=TOOLS, max_tokens=8))
        assert raw.headers["x-pointsman-degraded"] == "missing-upstream"
        assert raw.parse().choices[0].message.content
        with pytest.raises(openai.InternalServerError) as refused:
            chat.create(**ask("What is the weather in Paris?", tools=TOOLS, tool_choice="required"))
        assert refused.value.code == "no_upstream_configured"


def test_a_killed_worker_comes_back_and_nothing_crashes(served: Pointsman) -> None:
    """SIGKILL to the worker: requests fail with a clear status meanwhile, and are answered again soon."""
    assert served.process is not None
    worker = next(
        child for child in psutil.Process(served.process.pid).children() if "worker" in child.cmdline()[3:]
    )
    os.kill(worker.pid, signal.SIGKILL)
    fresh = served.client(default_headers={"cache-control": "no-store"})
    deadline = time.monotonic() + 60
    while True:
        try:
            completion = fresh.chat.completions.create(**ask(CAPITAL, max_tokens=12))
        except openai.InternalServerError as error:
            assert error.status_code == 503, error
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            break
    assert completion.choices[0].message.content
    served.wait_ready(full=True, timeout_s=120)


def test_route_explains_without_calling_a_model() -> None:
    """Behaviour 6: signals, every rule considered with its value, plan and expected cost; `--json` for machines."""
    runner = CliRunner()
    shown = runner.invoke(app, ["route", CAPITAL])
    assert shown.exit_code == 0
    for words in ("difficulty", "hard-or-tools", "wanted", "expected $", "smollm2-135m-instruct"):
        assert words in shown.output
    found = json.loads(runner.invoke(app, ["route", CAPITAL, "--json"]).output)
    assert found["decision"]["rule"] == "easy"
    assert found["decision"]["target"] == "small"
    considered = {rule["rule"]: rule for rule in found["decision"]["considered"]}
    assert considered["hard-or-tools"]["matched"] is False
    assert considered["easy"]["checks"][0]["passed"] is True
    assert found["decision"]["steps"][0]["expected_cost_usd"] > 0


@pytest.mark.parametrize("packed", [False, True])
def test_route_decides_a_batch_in_order(tmp_path: Path, packed: bool) -> None:
    """Behaviour 6: one JSON line a row, in order, for plain and gzipped files, with prompts or messages."""
    import gzip

    rows = [
        {"id": n, "prompt": text, "domain": "ignored"}
        for n, text in enumerate([REVIEW, CAPITAL, OLYMPIAD, ""])
    ]
    rows.append(
        {
            "id": "chat",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": CAPITAL}],
        }
    )
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = tmp_path / ("rows.jsonl.gz" if packed else "rows.jsonl")
    path.write_bytes(gzip.compress(data) if packed else data)
    done = CliRunner().invoke(app, ["route", "--batch", str(path)])
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["id"] for line in lines] == [0, 1, 2, 3, "chat"]
    assert [line["decision"]["rule"] for line in lines[:3]] == ["sentiment", "easy", "hard-or-tools"]
    assert set(lines[0]) == {"id", "signals", "decision"}
    assert set(lines[0]["signals"]) == {
        "task", "task_confidence", "domain", "domain_confidence", "difficulty", "success", "pii", "injection",
        "language", "tokens",
    }  # fmt: skip
    assert set(lines[0]["decision"]) == {"rule", "target"}


def test_route_says_which_line_of_a_batch_is_bad(tmp_path: Path) -> None:
    """File, line and reason, exit code 2."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "prompt": "ok"}\nnot json\n')
    done = CliRunner().invoke(app, ["route", "--batch", str(path)])
    assert done.exit_code == 2
    assert "rows.jsonl:2" in done.output
