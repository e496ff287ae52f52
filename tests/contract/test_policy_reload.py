"""Editing the policy of a running gateway, and refusing to start with a bad one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.contract.admin import ready, wait_for
from tests.contract.test_chat import ask
from tests.processes import Pointsman, clean_environ

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fake_upstream import FakeUpstream


def test_a_bad_edit_changes_nothing_and_a_good_one_is_served(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path
) -> None:
    """The running policy stays until a sound one comes; findings name file and line; no restart."""
    environ = {"OPENAI_BASE_URL": upstream.url}
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy)), environ=environ) as gateway:
        first = ready(gateway)["policy"]
        good = plain_policy.read_text()
        plain_policy.write_text(good + "rulez: []\n")
        state = wait_for(gateway, lambda s: s["policy_refused"])
        assert state["policy"] == first
        assert (
            "policy.yaml:7:1: error: unknown key `rulez`; did you mean `rules`" in state["policy_refused"][0]
        )
        assert gateway.client().chat.completions.create(**ask("still serving")).choices
        replacement = tmp_path / "new.yaml"
        replacement.write_text(good.replace("default: {steps: [up]}", "default: {steps: [up], timeout_s: 9}"))
        replacement.rename(plain_policy)
        state = wait_for(gateway, lambda s: s["policy"] != first)
        assert state["policy_refused"] == []
        raw = gateway.client().chat.completions.with_raw_response.create(**ask("after the edit"))
        assert raw.headers["x-pointsman-policy"] == state["policy"]


def start_and_fail(*arguments: str, **environ: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "gateway.cli.main", *arguments]
    done = subprocess.run(argv, env=clean_environ(**environ), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_a_bad_start_prints_every_finding_and_exits_with_2(tmp_path: Path) -> None:
    """Policy and gateway.yaml are both checked; each finding has file, line and what is wrong."""
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "version: 1\ntargets:\n  a: {kind: upstream, model: openai/x}\ndefault: {steps: [a, b]}\nextra: 1\n"
    )
    config = tmp_path / "g.yaml"
    config.write_text("upstream: {}\n")
    for command in ("gateway", "serve"):
        code, said = start_and_fail(command, "--port", "0", "--policy", str(policy), "--config", str(config))
        assert code == 2
        assert "g.yaml:1:1: error: unknown key `upstream`; did you mean `upstreams`" in said
        assert "p.yaml:5:1: error: unknown key `extra`" in said
        assert "Traceback" not in said


def test_listening_to_the_world_needs_a_key(tmp_path: Path) -> None:
    """0.0.0.0 without a key would let everybody spend the money behind the gateway."""
    code, said = start_and_fail(
        "gateway", "--host", "0.0.0.0", "--port", "0", POINTSMAN_DATA_DIR=str(tmp_path)
    )
    assert code == 2
    assert "POINTSMAN_API_KEY" in said


def test_a_port_in_use_is_said_plainly(tmp_path: Path, upstream: FakeUpstream) -> None:
    """No traceback: which address, why, and what to do."""
    port = upstream.url.rsplit(":", 1)[1].removesuffix("/v1")
    code, said = start_and_fail("serve", "--port", port, POINTSMAN_DATA_DIR=str(tmp_path))
    assert code == 1
    assert f"127.0.0.1:{port}" in said and "--port" in said
    assert "Traceback" not in said
