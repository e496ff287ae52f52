"""The fake upstream, seen through the clients that product code and users have."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import openai
import pytest

from tests.fake_upstream import (
    Chunks,
    Cut,
    DropConnection,
    EmptyStream,
    Error,
    ErrorInStream,
    FakeUpstream,
    Garbage,
    Hang,
    Json,
    Raw,
    Slow,
    Stream,
    Whole,
)

ASK = {"model": "fake-small", "messages": [{"role": "user", "content": "two words"}]}


@pytest.fixture
def upstream():
    """A running upstream."""
    with FakeUpstream() as running:
        yield running


@pytest.fixture
def client(upstream):
    """The official client, without its own retries."""
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0, timeout=5) as opened:
        yield opened


def read(client, **options):
    """Text, finish reason and usage values of a streamed answer."""
    chunks = list(client.chat.completions.create(**ASK, stream=True, **options))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return text, [c.choices[0].finish_reason for c in chunks if c.choices][-1], [c.usage for c in chunks]


def test_default_whole_answer_echoes_with_usage(client):
    """Unscripted, the last message comes back and the token counts add up."""
    answer = client.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == "echo: two words"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        2,
        3,
        5,
    )


def test_default_streamed_answer_is_the_same_text_without_usage(client):
    """Without `include_usage` no chunk carries usage."""
    text, finish, usages = read(client)
    assert (text, finish) == ("echo: two words", "stop")
    assert usages == [None] * len(usages)


def test_include_usage_ends_with_a_chunk_without_choices(client):
    """With `include_usage` only the last chunk has usage, and it has no choices."""
    chunks = list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    assert [c.usage is None for c in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 5
    assert all("usage" in c.model_fields_set for c in chunks)


def test_several_choices_are_served_in_both_forms(client):
    """`n` is honoured, whole and streamed."""
    assert len(client.chat.completions.create(**ASK, n=2).choices) == 2
    chunks = client.chat.completions.create(**ASK, n=2, stream=True)
    assert {c.choices[0].index for c in chunks} == {0, 1}


def test_script_is_played_in_order_then_the_default(upstream, client):
    """Each scripted behaviour serves one request."""
    upstream.script(Whole("first"), Error(429, retry_after=1))
    assert client.chat.completions.create(**ASK).choices[0].message.content == "first"
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(**ASK)
    assert refused.value.response.headers["retry-after"] == "1"
    assert client.chat.completions.create(**ASK).choices[0].message.content == "echo: two words"


def test_a_match_goes_before_the_script(upstream, client):
    """`when` looks at the request and leaves the script untouched."""
    upstream.script(Whole("scripted")).when(lambda r: r.json["model"] == "fake-large", Whole("matched"))
    answer = client.chat.completions.create(**{**ASK, "model": "fake-large"})
    assert answer.choices[0].message.content == "matched"
    assert client.chat.completions.create(**ASK).choices[0].message.content == "scripted"


def test_stream_keeps_its_pace(upstream, client):
    """Parts arrive `gap_s` apart, not at the end all at once."""
    upstream.script(Stream(["a", "b", "c"], gap_s=0.05, first_delay_s=0.05, finish_reason="length"))
    started = time.monotonic()
    stamps = [time.monotonic() - started for _ in client.chat.completions.create(**ASK, stream=True)]
    assert stamps[0] >= 0.05
    assert stamps[-1] - stamps[0] >= 0.15


def test_requests_are_recorded_as_sent(upstream, client):
    """Method, path, headers and raw bytes are kept."""
    client.chat.completions.create(**ASK, extra_headers={"X-Trace": "7"}, extra_body={"novel_field": [1]})
    (request,) = upstream.requests
    assert (request.method, request.path, request.headers["x-trace"]) == ("POST", "/v1/chat/completions", "7")
    assert request.json["novel_field"] == [1]
    assert b'"novel_field"' in request.body
    assert upstream.wait_for_requests(1)
    assert request.disconnected_after_s is None


def test_models_are_listed(upstream, client):
    """`/v1/models` names the models the upstream was made with."""
    assert [model.id for model in client.models.list()] == list(upstream.models)


def test_bad_bodies_and_paths_are_refused(client):
    """What is no chat request gets the provider's error shape."""
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.post("/chat/completions", cast_to=object, body={"model": "m"})
    with pytest.raises(openai.NotFoundError):
        client.post("/nowhere", cast_to=object, body={})


def test_chunks_and_json_pass_verbatim(upstream, client):
    """Tool calls and log-probs can be scripted as raw objects."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    upstream.script(Chunks([{**chunk, "choices": [choice]}]), Json({"id": "whole", "choices": []}))
    (seen,) = client.chat.completions.create(**ASK, stream=True)
    assert seen.choices[0].delta.tool_calls[0].function.name == "f"
    assert client.chat.completions.create(**ASK).id == "whole"


@pytest.mark.parametrize("broken", [DropConnection(), Cut()], ids=["dropped", "cut"])
def test_broken_whole_answers_fail_as_connection_errors(upstream, client, broken):
    """An answer that ends early is never taken for a short answer."""
    upstream.script(broken)
    with pytest.raises((openai.APIConnectionError, openai.APIError)):
        client.chat.completions.create(**ASK)


def test_broken_streams_fail_after_their_events(upstream, client):
    """A cut stream raises after three events, an error event raises with its message."""
    upstream.script(Cut(after_events=3), ErrorInStream(message="burst pipe"))
    stream = iter(client.chat.completions.create(**ASK, stream=True))
    assert [next(stream).choices[0].delta.content for _ in range(3)] == ["", "one", " two"]
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        next(stream)
    with pytest.raises(openai.APIError, match="burst pipe"):
        list(client.chat.completions.create(**ASK, stream=True))


def test_odd_answers_arrive_as_scripted(upstream, client):
    """Garbage, raw and empty answers reach the client unchanged."""
    upstream.script(
        Garbage(), Raw(418, {"X-Kind": "teapot"}, b"short"), EmptyStream(), Stream(["a"], done=False)
    )
    raw = client.chat.completions.with_raw_response
    assert raw.create(**ASK).http_response.text == "<html>It works!</html>"
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**ASK)
    assert (refused.value.status_code, refused.value.response.headers["x-kind"]) == (418, "teapot")
    assert list(client.chat.completions.create(**ASK, stream=True)) == []
    assert "[DONE]" not in raw.create(**ASK, stream=True).http_response.read().decode()


def test_slow_answers_are_slow(upstream, client):
    """`Slow` sends no byte before its time, then answers."""
    upstream.script(Slow(0.1))
    started = time.monotonic()
    assert client.chat.completions.create(**ASK).choices[0].message.content == "echo: two words"
    assert time.monotonic() - started >= 0.1


async def test_a_client_that_leaves_is_seen(upstream):
    """The record says that, and when, a client went away before its answer."""
    upstream.script(Hang(), Hang(after_events=2))
    async with openai.AsyncOpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.chat.completions.create(**ASK), 0.1)
        assert await upstream.until(lambda: upstream.requests[0].disconnected_after_s is not None)
        stream = await client.chat.completions.create(**ASK, stream=True)
        await anext(aiter(stream))
        await stream.close()
        assert await upstream.until(lambda: upstream.requests[1].disconnected_after_s is not None)
    assert 0.05 < upstream.requests[0].disconnected_after_s < 2
    assert not upstream.requests[1].answered


@pytest.mark.filterwarnings("ignore")  # litellm's own import warns about its dependencies
async def test_litellm_speaks_to_the_anthropic_lane(upstream, monkeypatch):
    """`/v1/messages` satisfies litellm's Anthropic provider, whole and streamed, errors included."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    lane = {"model": "anthropic/claude-opus-5", "api_base": upstream.origin, "api_key": "k", "num_retries": 0}
    upstream.script(Whole("hi", finish_reason="length"), Stream(["a", "b"]), Error(429), Error(529))
    whole = await litellm.acompletion(messages=ASK["messages"], **lane)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("hi", "length")
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (2, 1)
    stream = await litellm.acompletion(messages=ASK["messages"], stream=True, **lane)
    assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "ab"
    with pytest.raises(litellm.RateLimitError):
        await litellm.acompletion(messages=ASK["messages"], **lane)
    with pytest.raises(litellm.InternalServerError):
        await litellm.acompletion(messages=ASK["messages"], **lane)


def test_stopping_leaves_no_thread_and_no_socket():
    """After `with`, the thread is gone and the port refuses, even under a hanging request."""
    threads = set(threading.enumerate())
    with FakeUpstream() as upstream:
        upstream.script(Hang())
        port = int(upstream.origin.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as hanging:
            body = b'{"messages":[{"role":"user","content":"x"}]}'
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
            hanging.sendall(head + body)
            assert upstream.wait_for_requests(1)
            assert upstream.open_connections == 1
            upstream.stop()
    assert set(threading.enumerate()) <= threads  # those of other tests may have ended meanwhile
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_taken_port_says_so():
    """Starting on a port in use raises instead of hanging."""
    with FakeUpstream() as upstream, pytest.raises(OSError, match="in use"):
        FakeUpstream(port=int(upstream.origin.rsplit(":", 1)[1])).start()
