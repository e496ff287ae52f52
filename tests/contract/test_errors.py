"""Bad requests and failing upstreams: every error in OpenAI's envelope, parsed by the client's own classes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from tests.contract.leaving import seconds_until_cancelled
from tests.contract.test_chat import ask
from tests.fake_upstream import (
    Cut,
    DropConnection,
    EmptyStream,
    Error,
    ErrorInStream,
    FakeUpstream,
    Garbage,
    Hang,
    Raw,
    Stream,
)
from tests.processes import Pointsman

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.test_chat import Plain

MESSAGES = [{"role": "user", "content": "hello"}]
BAD_BODIES = [
    (b"", None, "not valid JSON"),
    (b"{", None, "not valid JSON"),
    (b'{"model":"auto","messages":[],}', None, "not valid JSON"),
    (b"\xff\xfe", None, "not valid JSON"),
    (b"[1]", None, "Expected `object`"),
    (b'{"x":' + b"[" * 100_000, None, "nested too deeply"),
    (b'{"messages":[{"role":"user","content":"x"}]}', "model", "`model` is missing"),
    (b'{"model":"","messages":[{"role":"user","content":"x"}]}', "model", "`model` is empty"),
    (b'{"model":"auto"}', "messages", "`messages` is missing"),
    (b'{"model":"auto","messages":[]}', "messages", "send at least one"),
    (b'{"model":"auto","messages":"hi"}', "messages", "wrong type"),
    (b'{"model":"auto","messages":[{"role":"king","content":"x"}]}', "messages[0].role", "use one of"),
    (b'{"model":"auto","messages":[{"role":"user","content":7}]}', "messages[0].content", "wrong type"),
    (b'{"model":"auto","messages":[{"role":"user","content":"x"}],"stream":"yes"}', "stream", "wrong type"),
    (
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],"max_tokens":0}',
        "max_tokens",
        "at least 1",
    ),
    (
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
        None,
        "not valid JSON",
    ),
]


@pytest.mark.parametrize(("body", "param", "words"), BAD_BODIES)
def test_a_bad_body_is_a_400_that_says_what_to_change(
    plain: Plain, body: bytes, param: str | None, words: str
) -> None:
    """The envelope has all four keys, names the field, and nothing reaches the upstream."""
    gateway, upstream = plain
    with gateway.http() as client:
        response = client.post("/v1/chat/completions", content=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]
    assert upstream.requests == []


def test_an_unknown_model_is_a_404_that_lists_the_known_ones(plain: Plain) -> None:
    """The official client raises NotFoundError."""
    gateway, _ = plain
    with pytest.raises(openai.NotFoundError, match="`auto`, `up`") as raised:
        gateway.client().chat.completions.create(model="no-such-model", messages=MESSAGES)
    assert raised.value.code == "model_not_found"
    assert raised.value.param == "model"


def test_method_path_encoding_and_size_have_errors_of_their_own(plain: Plain) -> None:
    """405, 404, 415 and 413, each in the envelope."""
    gateway, _ = plain
    with gateway.http() as client:
        answers = [
            client.get("/v1/chat/completions"),
            client.post("/v1/nothing", json={}),
            client.post("/v1/chat/completions", content=b"x", headers={"content-encoding": "gzip"}),
            client.post("/v1/chat/completions", content=b" " * 21_000_000),
        ]
    assert [a.status_code for a in answers] == [405, 404, 415, 413]
    assert [a.json()["error"]["code"] for a in answers] == [
        "method_not_allowed", "unknown_url", "unsupported_media_type", "request_too_large",
    ]  # fmt: skip


def test_a_body_without_declared_length_is_bounded_too(plain: Plain) -> None:
    """A chunked upload is cut off at the limit, not kept in memory."""
    gateway, _ = plain
    with gateway.http() as client:
        response = client.post("/v1/chat/completions", content=(b" " * 1_000_000 for _ in range(25)))
    assert response.status_code == 413


def test_keys_are_asked_for_when_they_are_on(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path
) -> None:
    """Missing, malformed and wrong keys are 401; the right one, from the environment or gateway.yaml, is served."""
    import hashlib

    config = tmp_path / "gateway.yaml"
    config.write_text(
        f"keys:\n  - {{id: app, tenant: acme, sha256: {hashlib.sha256(b'key-two').hexdigest()}}}\n"
    )
    environ = {"OPENAI_BASE_URL": upstream.url, "POINTSMAN_API_KEY": "key-one"}
    arguments = ("--policy", str(plain_policy), "--config", str(config))
    with Pointsman(tmp_path / "data", arguments=arguments, environ=environ) as gateway:
        with pytest.raises(openai.AuthenticationError, match="not known here"):
            gateway.client(api_key="wrong").chat.completions.create(model="auto", messages=MESSAGES)
        with pytest.raises(openai.AuthenticationError):
            gateway.client(api_key="wrong").models.list()
        with gateway.http() as http:
            response = http.post("/v1/chat/completions", json=ask("no key"))
            assert response.status_code == 401
            assert "Authorization: Bearer" in response.json()["error"]["message"]
            basic = http.post(
                "/v1/chat/completions", json=ask("no key"), headers={"authorization": "Basic eA=="}
            )
            assert "not a bearer key" in basic.json()["error"]["message"]
        for key in ("key-one", "key-two"):
            assert (
                gateway.client(api_key=key).chat.completions.create(model="auto", messages=MESSAGES).choices
            )
        assert "key-one" not in gateway.log


UPSTREAM_FAILURES: list[tuple[Any, type[openai.APIStatusError], int, str]] = [
    (Error(400, "bad parameter", code="invalid_value"), openai.BadRequestError, 400, "invalid_value"),
    (Error(429, "slow down", retry_after=7), openai.RateLimitError, 429, "rate_limit_exceeded"),
    (Error(401, "who are you"), openai.InternalServerError, 502, "upstream_credentials_refused"),
    (Error(500, "broken"), openai.InternalServerError, 503, "upstream_unavailable"),
    (DropConnection(), openai.InternalServerError, 503, "upstream_unavailable"),
    (Garbage(), openai.InternalServerError, 502, "bad_upstream_answer"),
    (Garbage(b'{"object":"chat.completion"}'), openai.InternalServerError, 502, "bad_upstream_answer"),
    (ErrorInStream(after_events=0), openai.InternalServerError, 502, "bad_upstream_answer"),
    (EmptyStream(), openai.InternalServerError, 502, "bad_upstream_answer"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("behaviour", "expected", "status", "code"), UPSTREAM_FAILURES)
def test_a_failure_before_the_first_byte_has_a_status(
    plain: Plain, behaviour: Any, expected: type[openai.APIStatusError], status: int, code: str, stream: bool
) -> None:
    """Streamed or not, the client gets an exception of its own with a status and a code."""
    gateway, upstream = plain
    upstream.script(behaviour)
    with pytest.raises(expected) as raised:
        gateway.client().chat.completions.create(**ask(f"fail {behaviour}", stream=stream))
    assert raised.value.status_code == status
    if status != 400 or raised.value.code != "invalid_value":
        assert raised.value.code == code or status == 429


def test_retry_after_is_passed_on(plain: Plain) -> None:
    """A client told to wait 7 s waits 7 s."""
    gateway, upstream = plain
    upstream.script(Error(429, retry_after=7))
    with pytest.raises(openai.RateLimitError) as raised:
        gateway.client().chat.completions.create(**ask("limited"))
    assert raised.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "behaviour", [Cut(after_events=3), ErrorInStream(after_events=3), Stream(["a", "b"], done=False)]
)
def test_a_stream_that_breaks_ends_with_an_error_event(plain: Plain, behaviour: Any) -> None:
    """After the first byte a failure is an error event and no `[DONE]`: never a clean-looking end."""
    gateway, upstream = plain
    upstream.script(behaviour, behaviour)
    with pytest.raises(openai.APIError):
        list(gateway.client().chat.completions.create(**ask(f"break {behaviour}", stream=True)))
    with gateway.http() as client:
        text = client.post("/v1/chat/completions", json=ask(f"break {behaviour}", stream=True)).text
    assert "[DONE]" not in text
    last = json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["code"] == "stream_interrupted"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_cancels_the_upstream_call(plain: Plain, stream: bool) -> None:
    """Within 100 ms of the disconnect the upstream sees its own caller leave."""
    gateway, upstream = plain
    asked = ask("I will leave", stream=stream)
    assert seconds_until_cancelled(gateway, upstream, "/v1/chat/completions", asked, stream=stream) < 0.1


def test_a_hanging_upstream_is_given_up_in_time(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path
) -> None:
    """The target's `timeout_s` bounds the wait, and the client hears 504 with `upstream_timeout`."""
    plain_policy.write_text(plain_policy.read_text().replace("timeout_s: 20", "timeout_s: 0.5"))
    upstream.always(Hang())
    environ = {"OPENAI_BASE_URL": upstream.url}
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy)), environ=environ) as gateway:
        started = time.monotonic()
        with pytest.raises(openai.InternalServerError) as raised:
            gateway.client().chat.completions.create(**ask("hang"))
        assert raised.value.status_code == 504
        assert raised.value.code == "upstream_timeout"
        assert 0.4 < time.monotonic() - started < 5


def test_what_a_shutdown_cuts_off_is_told_so(tmp_path: Path) -> None:
    """After the grace period a stream ends with an error event and no `[DONE]`, a whole request with 503."""
    with FakeUpstream() as upstream:
        environ = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k", "POINTSMAN_GRACE_S": "1"}
        with Pointsman(tmp_path / "data", environ=environ) as gateway, ThreadPoolExecutor() as threads:
            upstream.script(Hang(after_events=2, parts=["a", "b"]), Hang())
            url = f"{gateway.origin}/v1/chat/completions"
            body = {"model": "mid", "messages": MESSAGES}
            running = []
            for stream in (True, False):
                asked = {**body, "stream": stream}
                running.append(threads.submit(httpx.post, url, json=asked, timeout=20))
                deadline = time.monotonic() + 5
                while len(upstream.requests) < len(running) and time.monotonic() < deadline:
                    time.sleep(0.02)
            streamed, whole = running
            started = time.monotonic()
            assert gateway.stop() in (0, -15)
            assert 0.9 < time.monotonic() - started < 6
            text = streamed.result().text
    assert '"content":"a"' in text.replace(" ", "")
    assert text.rstrip().splitlines()[-1].startswith('data: {"error":')
    assert "shutting_down" in text and "[DONE]" not in text
    assert whole.result().status_code == 503
    assert whole.result().json()["error"]["code"] == "shutting_down"


def test_an_answer_without_end_is_not_kept(plain: Plain) -> None:
    """A whole answer beyond any sensible size is a failure of its target, and costs no memory without bound."""
    gateway, upstream = plain
    upstream.script(Raw(200, {"content-type": "application/json"}, b" " * (65 * 1024 * 1024)))
    with pytest.raises(openai.InternalServerError) as refused:
        gateway.client().chat.completions.create(model="auto", messages=MESSAGES, seed=7)
    assert "more than 64 MiB" in str(refused.value)
