"""Several deployments of one model, and ways to reach an upstream, before real sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract.test_chat import ask
from tests.fake_upstream import Error, FakeUpstream, Whole
from tests.loopback import Exchange, LoopbackServer
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """
version: 1
targets:
  big: {kind: upstream, model: gpt/big, retries: 1}
default: {steps: [big], cache: {exact: false}}
"""


@pytest.fixture
def servers() -> Iterator[list[FakeUpstream]]:
    with FakeUpstream() as a, FakeUpstream() as b:
        yield [a.always(Whole("from a")), b.always(Whole("from b"))]


def start(folder: Path, upstreams: str, **environ: str) -> Pointsman:
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "gateway.yaml").write_text(f"upstreams:\n  gpt:\n{upstreams}")
    arguments = ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))
    return Pointsman(folder / "data", arguments=arguments, environ=environ)


def said(gateway: Pointsman, text: str) -> str:
    completion = gateway.client().chat.completions.create(**ask(text))
    return str(completion.choices[0].message.content)


def test_a_broken_deployment_costs_no_request(tmp_path: Path, servers: list[FakeUpstream]) -> None:
    """A retry goes to the other one at once, a rate limit with a long wait too; its circuit opens alone."""
    a, b = servers
    pool = (
        "    balance: weighted\n"
        "    breaker: {failure_ratio: 0.2, min_calls: 4, open_s: 60, max_open_s: 60}\n"
        "    deployments:\n"
        f"      - {{id: a, url: '{a.url}', api_key_env: KEY_A}}\n"
        f"      - {{id: b, url: '{b.url}', api_key_env: KEY_B, model: big-b, headers: {{x-region: b}}}}\n"
    )
    with start(tmp_path, pool, KEY_A="secret-a", KEY_B="secret-b") as gateway:
        assert {said(gateway, f"hello {n}") for n in range(20)} == {"from a", "from b"}
        assert {request.headers["authorization"] for request in a.requests} == {"Bearer secret-a"}
        assert {(r.json["model"], r.headers["x-region"]) for r in b.requests} == {("big-b", "b")}
        a.always(Error(500))
        assert {said(gateway, f"broken {n}") for n in range(20)} == {"from b"}
        with gateway.http() as client:
            found = client.get("/readyz?full=1").json()["endpoints"]
        assert {name: state["circuit"] for name, state in found.items()} == {
            "gpt/big#a": "open",
            "gpt/big-b#b": "closed",
        }


def test_a_deployment_that_asks_to_wait_is_passed_over(tmp_path: Path, servers: list[FakeUpstream]) -> None:
    """Its `retry-after` of a minute delays nobody, and it gets no more calls."""
    a, b = servers
    a.always(Error(429, retry_after=60))
    pool = f"    deployments: [{{id: a, url: '{a.url}'}}, {{id: b, url: '{b.url}'}}]\n"
    with start(tmp_path, pool) as gateway:
        assert {said(gateway, f"limited {n}") for n in range(12)} == {"from b"}
    assert len(a.requests) == 1


def test_an_upstream_is_reached_through_its_proxy(tmp_path: Path) -> None:
    """The proxy hears the whole URL; a host that no resolver knows is its matter."""
    paths: list[str] = []

    async def proxy(exchange: Exchange) -> None:
        paths.append(exchange.request.path)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "by proxy"},
            "finish_reason": "stop",
        }
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        await exchange.send(200, json.dumps(body).encode())

    server = LoopbackServer(proxy)
    server.start()
    try:
        told = f"    url: http://models.invalid/v1\n    proxy: http://127.0.0.1:{server.port}\n"
        with start(tmp_path, told) as gateway:
            assert said(gateway, "hello") == "by proxy"
    finally:
        server.stop()
    assert paths == ["http://models.invalid/v1/chat/completions"]
