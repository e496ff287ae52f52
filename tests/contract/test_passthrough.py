"""Embeddings, moderations and audio, passed on by the official client to an upstream."""

from __future__ import annotations

import io
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.fake_upstream import Error, Garbage, Hang, Json, Raw
from tests.processes import Pointsman

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.test_chat import Plain

VECTOR = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 1_000_000, "total_tokens": 1_000_000},
}


@pytest.mark.parametrize("name", ["text-embedding-3-small", "openai/text-embedding-3-small"])
def test_embeddings_reach_the_provider_by_name(plain: Plain, name: str) -> None:
    """With or without the provider before it; every other field unchanged; priced by the table."""
    gateway, upstream = plain
    upstream.script(Json(VECTOR))
    raw = gateway.client().embeddings.with_raw_response.create(
        model=name, input=["a", "b"], dimensions=2, user="u", encoding_format="float"
    )
    assert raw.parse().data[0].embedding == [0.6, 0.8]
    request = upstream.requests[0]
    assert request.path == "/v1/embeddings" and request.headers["authorization"] == "Bearer upstream-secret"
    assert request.json == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "dimensions": 2,
        "user": "u",
        "encoding_format": "float",
    }
    assert float(raw.headers["x-pointsman-cost-usd"]) == pytest.approx(0.02)
    assert raw.headers["x-request-id"] and raw.headers["openai-processing-ms"]


def test_moderations(plain: Plain) -> None:
    """The model may be left out, as with OpenAI, and the body goes on unchanged."""
    gateway, upstream = plain
    upstream.script(Json({"id": "m", "model": "omni-moderation-latest", "results": []}))
    assert gateway.client().moderations.create(input="hello").results == []
    assert upstream.requests[0].path == "/v1/moderations"
    assert upstream.requests[0].json["input"] == "hello"


def test_speech_comes_as_bytes(plain: Plain) -> None:
    """Binary in the type that the upstream says."""
    gateway, upstream = plain
    upstream.script(Raw(200, {"content-type": "audio/mpeg"}, b"\xff\xfbsound"))
    answer = gateway.client().audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="hi")
    assert answer.read() == b"\xff\xfbsound"
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert answer.response.headers["x-pointsman-model"] == "gpt-4o-mini-tts"


@pytest.mark.parametrize("name", ["whisper-1", "openai/whisper-1"])
def test_a_recording_is_transcribed(plain: Plain, name: str) -> None:
    """The form goes on as it is, but for the model's name."""
    gateway, upstream = plain
    upstream.script(Json({"text": "hello"}))
    sound = io.BytesIO(b"RIFF\r\n\r\n--not a boundary")
    sound.name = "a.wav"
    answer = gateway.client().audio.transcriptions.create(model=name, file=sound, language="en")
    assert answer.text == "hello"
    body = upstream.requests[0].body
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in body
    assert b"RIFF\r\n\r\n--not a boundary" in body and b"\r\n\r\nen\r\n" in body


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Error(400, "bad", code="invalid_value"), openai.BadRequestError),
        (Error(401, "who"), openai.InternalServerError),
        (Error(429, "slow", retry_after=7), openai.RateLimitError),
        (Error(500, "broken"), openai.InternalServerError),
    ],
)
def test_failures_keep_their_meaning(
    plain: Plain, behaviour: Any, expected: type[openai.APIStatusError]
) -> None:
    """As on the chat endpoint: an own class for each, the upstream's 4xx in its own words."""
    gateway, upstream = plain
    upstream.script(behaviour)
    with pytest.raises(expected):
        gateway.client().embeddings.create(model="text-embedding-3-small", input="x")


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/v1/embeddings", {"input": "x"}, 400, "model"),
        ("/v1/embeddings", {"input": "x", "model": 7}, 400, "model"),
        ("/v1/embeddings", [1], 400, None),
        ("/v1/audio/transcriptions", {"model": "whisper-1"}, 415, None),
    ],
)
def test_bad_requests(plain: Plain, path: str, body: Any, status: int, param: str | None) -> None:
    """In OpenAI's envelope, before anything is sent."""
    gateway, upstream = plain
    with gateway.http() as client:
        response = client.post(path, json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)
    assert upstream.requests == []


def test_without_an_upstream_the_variable_to_set_is_named(tmp_path: Path, plain_policy: Path) -> None:
    """503 with the way out; and a local model without a worker says so."""
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy))) as gateway:
        for model, words in [
            ("text-embedding-3-small", "OPENAI_API_KEY"),
            ("all-minilm-l6-v2", "pointsman serve"),
        ]:
            with pytest.raises(openai.InternalServerError, match=words) as raised:
                gateway.client().embeddings.create(model=model, input="x")
            assert raised.value.status_code == 503


def test_each_leaves_one_record(tmp_path: Path, plain: Plain, plain_policy: Path) -> None:
    """With tokens and cost, as every request; a client that leaves cancels the upstream and is on record too."""
    _, upstream = plain
    upstream.script(Json(VECTOR), Hang())
    environ = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
    with Pointsman(tmp_path / "data", arguments=("--policy", str(plain_policy)), environ=environ) as gateway:
        gateway.client().embeddings.create(model="text-embedding-3-small", input="x")
        with pytest.raises(openai.APITimeoutError):
            gateway.client(timeout=0.3).embeddings.create(model="text-embedding-3-small", input="x")
        left = time.monotonic()
        while upstream.requests[1].disconnected_after_s is None and time.monotonic() < left + 5:
            time.sleep(0.01)
        assert upstream.requests[1].disconnected_after_s is not None
    rows = sqlite3.connect(tmp_path / "data" / "records.db").execute(
        "select target, status, prompt_tokens, cost_usd from records order by at"
    )
    assert list(rows) == [
        ("embeddings", "ok", 1_000_000, pytest.approx(0.02)), ("embeddings", "cancelled", None, None),
    ]  # fmt: skip


def test_an_answer_that_is_no_json_goes_on_as_it_is(plain: Plain) -> None:
    """What a server says is the caller's to judge: nothing is translated here."""
    gateway, upstream = plain
    upstream.script(Garbage(b"WEBVTT"))
    with gateway.http() as client:
        response = client.post("/v1/audio/speech", json={"model": "m", "input": "x"})
    assert response.content == b"WEBVTT"
