"""A canary that fails in a running gateway is stopped; clients never notice; it stays stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.contract.test_chat import ask
from tests.processes import Pointsman, clean_environ, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fake_upstream import FakeUpstream

CANARY = """
version: 1
targets:
  old: {kind: upstream, model: openai/fake, retries: 0, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}
  new: {kind: upstream, model: dead/model, retries: 0, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}
default: {steps: [old], cache: {exact: false}}
experiments:
  - {id: try-new, kind: canary, from: old, to: new, share: 0.5, stop_if: {inferior_by: 0.05}}
"""
BUDGET = """
version: 1
targets:
  dear:
    kind: upstream
    model: openai/fake
    ability: gpt-4-0314
    price: {input_usd_per_mtok: 1000, output_usd_per_mtok: 1000}
  cheap:
    kind: upstream
    model: openai/other
    ability: mistral-7b-instruct-v0.2
    price: {input_usd_per_mtok: 0.01, output_usd_per_mtok: 0.01}
limits: {usd_per_day: 0.5}
default: {choose: best, among: [dear, cheap], cache: {exact: false}}
"""


def files(folder: Path, policy: str) -> tuple[str, ...]:
    (folder / "policy.yaml").write_text(policy)
    (folder / "gateway.yaml").write_text(
        f"upstreams:\n  dead: {{url: 'http://127.0.0.1:{free_port()}/v1'}}\n"
    )
    return ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))


def full(gateway: Pointsman) -> dict[str, Any]:
    with gateway.http() as client:
        state: dict[str, Any] = client.get("/readyz", params={"full": 1}).json()
        return state


def status(gateway: Pointsman) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "policy", "status", "--json"],
        env=clean_environ(POINTSMAN_DATA_DIR=str(gateway.data_dir)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def send(gateway: Pointsman, count: int) -> list[str]:
    """The targets that answered so many requests."""
    create = gateway.client().chat.completions.with_raw_response.create
    return [create(**ask(f"question {number}")).headers["x-pointsman-target"] for number in range(count)]


def test_a_failing_canary_is_stopped_and_stays_stopped(tmp_path: Path, upstream: FakeUpstream) -> None:
    """Each request is answered by the fallback; the status shows evidence and event, also after a restart."""
    arguments = files(tmp_path, CANARY)
    gateway = Pointsman(tmp_path / "data", arguments=arguments, environ={"OPENAI_BASE_URL": upstream.url})
    with gateway:
        deadline = time.monotonic() + 30
        while full(gateway)["experiments_ended"] != ["try-new"]:
            assert time.monotonic() < deadline, status(gateway)
            assert set(send(gateway, 20)) == {"old"}
        assert "experiment `try-new` is stopped: errors are more by over 0.05" in gateway.log
        time.sleep(1.5)  # the last requests before the stop are written with the next tick
        (shown,) = status(gateway)["experiments"]
        assert shown["evidence"]["measures"][1]["treatment"] == 1.0
        assert shown["stopped"]["experiment"] == "try-new"
        before = shown["evidence"]["requests"]
    with gateway:
        assert full(gateway)["experiments_ended"] == ["try-new"]
        send(gateway, 20)
        time.sleep(1.5)
        (shown,) = status(gateway)["experiments"]
        assert shown["evidence"]["requests"] == before
        with gateway.http() as client:
            assert "pointsman_experiments_ended 1.0" in client.get("/metrics").text


def test_a_spent_budget_sends_requests_to_the_cheap_target(tmp_path: Path, upstream: FakeUpstream) -> None:
    """The price of money rises above what success is worth; readiness, metrics and status show it."""
    arguments = files(tmp_path, BUDGET)
    gateway = Pointsman(tmp_path / "data", arguments=arguments, environ={"OPENAI_BASE_URL": upstream.url})
    with gateway:
        assert set(send(gateway, 40)) == {"dear"}
        deadline = time.monotonic() + 30
        while full(gateway)["shadow_prices"]["usd"] == 0.0:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert set(send(gateway, 5)) == {"cheap"}
        with gateway.http() as client:
            metrics = client.get("/metrics").text
        assert 'pointsman_shadow_price{unit="usd"} 0.0' not in metrics
        assert "pointsman_limits_spent_usd" in metrics
        assert status(gateway)["limits"]["state"]["usd_per_day"] == 0.5
