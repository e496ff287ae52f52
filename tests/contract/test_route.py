"""`POST /v1/route`: the decision without the call."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.processes import clean_environ

if TYPE_CHECKING:
    from tests.contract.test_chat import Plain


def test_the_decision_is_told_and_nothing_is_called(plain: Plain) -> None:
    """The same object that `pointsman route --json` prints, for a whole chat request."""
    gateway, upstream = plain
    text = "Is this review positive or negative? 'The plot drags.' Mail me at jo@example.org."
    with gateway.http() as client:
        response = client.post(
            "/v1/route", json={"model": "auto", "messages": [{"role": "user", "content": text}]}
        )
    assert response.status_code == 200 and response.headers["x-request-id"]
    told = response.json()
    assert upstream.requests == []
    policy = str(gateway.arguments[1])
    argv = [sys.executable, "-m", "gateway.cli.main", "route", text, "--json", "--policy", policy]
    environ = clean_environ(OPENAI_API_KEY="k", OPENAI_BASE_URL=upstream.url)
    printed = subprocess.run(argv, env=environ, capture_output=True, check=True).stdout
    assert told == json.loads(printed)
    assert told["decision"]["target"] == "up" and told["signals"]["task"] == "sentiment"
    assert [text[s["start"] : s["end"]] for s in told["personal_spans"]] == ["jo@example.org"]


@pytest.mark.parametrize(("body", "status"), [({"model": "nobody"}, 404), ({"model": "auto"}, 400)])
def test_a_request_that_could_not_be_answered_is_refused(
    plain: Plain, body: dict[str, str], status: int
) -> None:
    """Unknown models are 404 and bad bodies 400, as on the chat endpoint."""
    gateway, _ = plain
    messages = [{"role": "user", "content": "x"}] if status == 404 else []
    with gateway.http() as client:
        assert client.post("/v1/route", json={**body, "messages": messages}).status_code == status
        assert client.get("/v1/route").status_code == 405
