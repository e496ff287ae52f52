"""Both lanes to an LLM, plans with several steps, and Redis, against real servers on sockets."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest
import redis

from tests.contract.test_chat import ask
from tests.fake_upstream import Error, FakeUpstream, Raw, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO_LANES = """
version: 1
targets:
  claude: {kind: upstream, model: anthropic/claude-opus-5, retries: 0}
  own: {kind: upstream, model: vllm/llama-9, retries: 2}
rules:
  - {id: to-own, when: {metadata: {lane: own}}, then: {steps: [own]}}
  - {id: both, when: {metadata: {lane: both}}, then: {steps: [claude, own]}}
default: {steps: [claude]}
"""


@pytest.fixture(scope="module")
def anthropic() -> Iterator[FakeUpstream]:
    """An upstream that litellm talks to in Anthropic's schema."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def own() -> Iterator[FakeUpstream]:
    """An OpenAI-compatible server of the team's own, behind a configured URL."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def lanes(
    tmp_path_factory: pytest.TempPathFactory, anthropic: FakeUpstream, own: FakeUpstream
) -> Iterator[Pointsman]:
    """A gateway with one target on each lane."""
    folder = tmp_path_factory.mktemp("lanes")
    (folder / "policy.yaml").write_text(TWO_LANES)
    (folder / "gateway.yaml").write_text(
        "upstreams:\n"
        f"  anthropic: {{lane: litellm, url: '{anthropic.origin}', api_key_env: ANTHROPIC_API_KEY}}\n"
        f"  vllm: {{url: '{own.url}', headers: {{x-team: search}}}}\n"
    )
    arguments = ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))
    with Pointsman(
        folder / "data", arguments=arguments, environ={"ANTHROPIC_API_KEY": "claude-key"}
    ) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _fresh(anthropic: FakeUpstream, own: FakeUpstream) -> None:
    anthropic.reset()
    own.reset()


def test_another_providers_api_is_spoken_through_litellm(lanes: Pointsman, anthropic: FakeUpstream) -> None:
    """A whole answer in Anthropic's schema comes back in OpenAI's, with usage, price and the provider's key."""
    anthropic.script(Whole("Bonjour", usage=(100, 20)))
    raw = lanes.client().chat.completions.with_raw_response.create(
        **ask("say hello in French", max_tokens=50)
    )
    completion = raw.parse()
    assert completion.choices[0].message.content == "Bonjour"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None and completion.usage.total_tokens == 120
    assert float(raw.headers["x-pointsman-cost-usd"]) == pytest.approx(100 * 5e-6 + 20 * 25e-6)
    assert anthropic.requests[0].path.startswith("/v1/messages")
    assert anthropic.requests[0].headers["x-api-key"] == "claude-key"


def test_another_providers_stream_comes_as_openais(lanes: Pointsman, anthropic: FakeUpstream) -> None:
    """Streamed pieces arrive one by one, and the usage chunk only when asked for."""
    anthropic.script(Stream(["Bon", "jour"], usage=(100, 20)))
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 50}
    events = list(lanes.client().chat.completions.create(**ask("stream hello in French", **options)))
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == "Bonjour"
    assert events[-1].usage is not None and events[-1].usage.completion_tokens == 20


@pytest.mark.parametrize("stream", [False, True])
def test_another_providers_failure_is_mapped(lanes: Pointsman, anthropic: FakeUpstream, stream: bool) -> None:
    """A rate limit of Anthropic is a RateLimitError for OpenAI's client."""
    anthropic.always(Error(429, "slow down"))
    with pytest.raises(openai.RateLimitError):
        lanes.client().chat.completions.create(**ask("limited by the provider", stream=stream, max_tokens=5))


def test_a_body_cannot_redirect_the_call(
    lanes: Pointsman, anthropic: FakeUpstream, own: FakeUpstream
) -> None:
    """`api_base` and the like in a request body never become litellm's arguments."""
    body: dict[str, Any] = ask("redirect me", max_tokens=5)
    with lanes.http() as client:
        client.post(
            "/v1/chat/completions",
            json={**body, "api_base": own.origin, "api_key": "stolen", "mock_response": "fake"},
        )
    assert len(anthropic.requests) == 1
    assert own.requests == []
    assert anthropic.requests[0].headers["x-api-key"] == "claude-key"


def test_the_next_step_answers_when_the_first_fails(
    lanes: Pointsman, anthropic: FakeUpstream, own: FakeUpstream
) -> None:
    """A plan is climbed across lanes; headers name who answered."""
    anthropic.always(Error(529, "overloaded"))
    own.script(Whole("from our own"))
    raw = lanes.client().chat.completions.with_raw_response.create(
        **ask("climb", metadata={"lane": "both"}, max_tokens=5)
    )
    assert raw.parse().choices[0].message.content == "from our own"
    assert raw.headers["x-pointsman-target"] == "own"
    assert own.requests[0].headers["x-team"] == "search"
    assert "authorization" not in own.requests[0].headers


def test_a_passing_failure_is_tried_again(lanes: Pointsman, own: FakeUpstream) -> None:
    """`retries: 2` hides two failures; the third attempt answers."""
    own.script(Error(503), Error(429, retry_after=0.1), Whole("third time"))
    completion = lanes.client().chat.completions.create(**ask("retry", metadata={"lane": "own"}))
    assert completion.choices[0].message.content == "third time"
    assert len(own.requests) == 3


def test_the_callers_mistake_is_not_tried_again(lanes: Pointsman, own: FakeUpstream) -> None:
    """A 400 costs one call, and the upstream's own error reaches the client byte for byte."""
    own.always(Error(400, "no such parameter", code="unknown_parameter"))
    with pytest.raises(openai.BadRequestError) as raised:
        lanes.client().chat.completions.create(**ask("mistake", metadata={"lane": "own"}))
    assert raised.value.code == "unknown_parameter"
    assert len(own.requests) == 1


def start(folder: Path, upstream: FakeUpstream, policy: Path, redis_url: str) -> Pointsman:
    environ = {"OPENAI_BASE_URL": upstream.url, "POINTSMAN_REDIS_URL": redis_url}
    return Pointsman(folder, arguments=("--policy", str(policy)), environ=environ)


def cached(gateway: Pointsman, text: str) -> str:
    raw = gateway.client().chat.completions.with_raw_response.create(**ask(text))
    return raw.headers["x-pointsman-cache"]


def test_redis_shares_answers_between_processes(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path, redis_url: str
) -> None:
    """An answer that one gateway stored is a hit for another one; junk in the store is a miss."""
    with (
        start(tmp_path / "a", upstream, plain_policy, redis_url) as first,
        start(tmp_path / "b", upstream, plain_policy, redis_url) as second,
        redis.Redis.from_url(redis_url) as store,
    ):
        assert cached(first, "shared") == "miss"
        deadline = time.monotonic() + 5
        while not store.keys("pointsman:*") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert cached(second, "shared") == "hit"
        for key in store.keys("pointsman:*"):
            store.set(key, b"\x93junk")
        assert cached(second, "shared") == "miss"


def test_a_frozen_redis_costs_milliseconds_and_no_request(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path, own_redis: tuple[str, int]
) -> None:
    """Redis stopped in its tracks: every request is answered, and after a few the circuit opens."""
    import os

    url, pid = own_redis
    with start(tmp_path / "a", upstream, plain_policy, url) as gateway:
        assert cached(gateway, "before") == "miss"
        os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert [cached(gateway, f"frozen {n}") for n in range(10)] == ["miss"] * 10
            assert time.monotonic() - started < 5
        finally:
            os.kill(pid, signal.SIGCONT)
        with gateway.http() as client:
            assert (
                'pointsman_degradations_total{kind="cache_unavailable"} 10.0' in client.get("/metrics").text
            )


LOCAL_FIRST = """
version: 1
targets:
  judge: {kind: specialist, model: sentiment}
  up: {kind: upstream, model: openai/gpt-4o-mini}
default: {steps: [judge, up], accept: {confidence: 0.8}}
"""


def local_first(folder: Path, worker: FakeUpstream, **environ: str) -> Pointsman:
    """A gateway whose worker is a scripted server: to the gateway a worker is one more upstream."""
    folder.mkdir(exist_ok=True)
    (folder / "policy.yaml").write_text(LOCAL_FIRST)
    arguments = ("--policy", str(folder / "policy.yaml"))
    return Pointsman(folder, arguments=arguments, environ={"POINTSMAN_WORKER_URL": worker.origin, **environ})


def unsure(text: str, confidence: float) -> Raw:
    """A worker's answer with the confidence it reports."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "sentiment", "choices": [choice]}
    headers = {"content-type": "application/json", "x-pointsman-confidence": str(confidence)}
    return Raw(200, headers, json.dumps(body).encode())


def test_a_specialist_that_declines_or_is_unsure_passes_on(
    tmp_path: Path, upstream: FakeUpstream, own: FakeUpstream
) -> None:
    """Below the accepted confidence, or declined with 422, the next step answers; above it the specialist does."""
    own.script(
        Error(422, "two reviews", code="not_capable"), unsure("negative", 0.6), unsure("negative", 0.9)
    )
    upstream.always(Whole("from the LLM"))
    with local_first(tmp_path / "data", own, OPENAI_BASE_URL=upstream.url) as gateway:
        answers = [
            gateway.client().chat.completions.create(**ask(f"judge {n}")).choices[0].message.content
            for n in range(3)
        ]
    assert answers == ["from the LLM", "from the LLM", "negative"]


def test_a_declined_request_without_an_llm_says_what_to_set(tmp_path: Path, own: FakeUpstream) -> None:
    """Nothing is broken when the specialist passes and no LLM is there: the caller hears which variable to set."""
    own.always(Error(422, "two reviews", code="not_capable"))
    with local_first(tmp_path / "data", own) as gateway, pytest.raises(openai.InternalServerError) as raised:
        gateway.client().chat.completions.create(**ask("judge this"))
    assert raised.value.status_code == 503
    assert raised.value.code == "no_upstream_configured"
    assert "OPENAI_API_KEY" in raised.value.message
