"""A session stays with whoever answered it, against real servers on sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract.test_chat import ask
from tests.contract.test_plans import row
from tests.fake_upstream import Error, FakeUpstream
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """
version: 1
targets:
  main: {kind: upstream, model: one/model, retries: 0}
  alternate: {kind: upstream, model: two/model, retries: 0}
default: {steps: [main, alternate], sticky: {for_s: 60}}
"""


@pytest.fixture
def upstreams() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    """Where `main` and `alternate` are."""
    with FakeUpstream() as main, FakeUpstream() as alternate:
        yield main, alternate


def test_the_turn_after_a_failure_stays_with_who_answered(
    tmp_path: Path, upstreams: tuple[FakeUpstream, FakeUpstream], own_redis: tuple[str, int]
) -> None:
    """`main` fails once: this session goes on with `alternate`, also at another gateway; others begin with `main`."""
    main, alternate = upstreams
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "gateway.yaml").write_text(
        f"upstreams:\n  one: {{url: '{main.url}'}}\n  two: {{url: '{alternate.url}'}}\n"
    )
    arguments = ("--policy", str(tmp_path / "policy.yaml"), "--config", str(tmp_path / "gateway.yaml"))
    environ = {"POINTSMAN_REDIS_URL": own_redis[0], "POINTSMAN_REDIS_TIMEOUT_MS": "500"}

    def answered_by(gateway: Pointsman, session: str, text: str) -> str:
        create = gateway.client().chat.completions.with_raw_response.create
        raw = create(**ask(text, metadata={"session_id": session}, store=True))
        kept = row(gateway, "records", raw.headers["x-request-id"])
        assert (kept["propensity"], kept["target"]) == (1.0, raw.headers["x-pointsman-target"])
        return f"{kept['target']} {json.loads(kept['facts']).get('settled', {}).get('session default')}"

    with Pointsman(tmp_path / "one", arguments=arguments, environ=environ) as gateway:
        main.script(Error(500))
        assert answered_by(gateway, "s-1", "Begin.") == "alternate None"
        assert answered_by(gateway, "s-1", "Go on.") == "alternate alternate"
        assert answered_by(gateway, "s-2", "Begin elsewhere.") == "main None"
        with Pointsman(tmp_path / "two", arguments=arguments, environ=environ) as other:
            assert answered_by(other, "s-1", "And on.") == "alternate alternate"
