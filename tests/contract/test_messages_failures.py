"""What goes wrong on Anthropic's route, through the official client: refusals, failures, keys, disconnects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.contract.leaving import seconds_until_cancelled
from tests.contract.messages import WEATHER, ask, client_of
from tests.fake_upstream import Cut, Error, ErrorInStream
from tests.processes import Pointsman

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.test_chat import Plain
    from tests.fake_upstream import FakeUpstream

UNTRANSLATABLE: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "`max_tokens` is missing"),
    ({"max_tokens": 0}, "at least 1"),
    ({"messages": []}, "`messages` is empty"),
    ({"messages": "hi"}, "list of objects"),
    ({"messages": [{"role": "system", "content": "x"}]}, "use user or assistant"),
    ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "do not continue"),
    ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
        "base64` or `url",
    ),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
    ({"tools": [{**WEATHER, "defer_loading": True}]}, "defer_loading"),
    ({"tool_choice": {"type": "king"}}, "use auto, any, tool or none"),
    ({"thinking": {"type": "enabled"}}, "budget_tokens"),
    ({"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
    ({"container": "c"}, "container"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), UNTRANSLATABLE)
def test_what_cannot_be_translated_is_refused_by_name(
    plain: Plain, change: dict[str, Any], words: str
) -> None:
    """A 400 in Anthropic's envelope, and nothing reaches the upstream."""
    gateway, upstream = plain
    with gateway.http() as client:
        response = client.post("/v1/messages", json=ask("x") | change)
    assert response.status_code == 400
    body = response.json()
    assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error"
    assert words in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]
    assert response.headers["openai-processing-ms"].isdigit()
    assert upstream.requests == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("behaviour", "expected", "kind"),
    [
        (Error(400, "bad"), anthropic.BadRequestError, "invalid_request_error"),
        (Error(429, "slow", retry_after=7), anthropic.RateLimitError, "rate_limit_error"),
        (Error(500, "broken"), anthropic.InternalServerError, "overloaded_error"),
        (ErrorInStream(after_events=0), anthropic.InternalServerError, "api_error"),
    ],
)
def test_failures_of_the_upstream_in_anthropics_envelope(
    plain: Plain, behaviour: Any, expected: type[anthropic.APIStatusError], kind: str, stream: bool
) -> None:
    """Before the first byte each failure has a status and a type of Anthropic's own."""
    gateway, upstream = plain
    upstream.script(behaviour)
    with client_of(gateway) as client, pytest.raises(expected) as raised:
        client.messages.create(**ask(f"fail {behaviour}", stream=stream))
    assert raised.value.body["error"]["type"] == kind


def test_a_broken_stream_ends_with_an_error_event(plain: Plain) -> None:
    """No message_stop after a cut: the client raises."""
    gateway, upstream = plain
    upstream.script(Cut(after_events=3), Cut(after_events=3))
    with client_of(gateway) as client, pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**ask("cut", stream=True)))
    with gateway.http() as client:
        text = client.post("/v1/messages", json=ask("cut", stream=True)).text
    assert "message_stop" not in text
    assert text.strip().split("\n\n")[-1].startswith("event: error\n")


def test_the_key_may_come_as_x_api_key(tmp_path: Path, upstream: FakeUpstream, plain_policy: Path) -> None:
    """Anthropic's clients send `x-api-key`; a wrong one is their AuthenticationError, and none travels on."""
    environ = {"OPENAI_BASE_URL": upstream.url, "POINTSMAN_API_KEY": "key-one"}
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy)), environ=environ) as gateway:
        with client_of(gateway, "wrong") as client, pytest.raises(anthropic.AuthenticationError):
            client.messages.create(**ask("who?"))
        with client_of(gateway, "key-one") as client:
            assert client.messages.create(**ask("who?")).content
    assert "key-one" not in json.dumps([request.headers for request in upstream.requests])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_cancels_the_upstream(plain: Plain, stream: bool) -> None:
    """Within 100 ms, as on the chat endpoint: it is the same path."""
    gateway, upstream = plain
    asked = ask("I will leave", stream=stream)
    assert seconds_until_cancelled(gateway, upstream, "/v1/messages", asked, stream=stream) < 0.1
