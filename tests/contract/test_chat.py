"""Chat completions through the official client: what goes in and what comes out, whole and streamed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fake_upstream import Chunks, Json, Stream, Whole

if TYPE_CHECKING:
    from tests.fake_upstream import FakeUpstream
    from tests.processes import Pointsman

Plain = tuple["Pointsman", "FakeUpstream"]


def ask(text: str, **options: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **options}


def test_a_whole_answer_is_the_upstreams_answer(plain: Plain) -> None:
    """The client sees the upstream's text, usage and finish reason."""
    gateway, upstream = plain
    upstream.script(Whole("Paris.", usage=(11, 3)))
    completion = gateway.client().chat.completions.create(**ask("Capital of France, please?"))
    assert completion.choices[0].message.content == "Paris."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None and completion.usage.total_tokens == 14


def test_a_stream_has_the_upstreams_pieces_in_order(plain: Plain) -> None:
    """Deltas arrive as the upstream sent them."""
    gateway, upstream = plain
    upstream.script(Stream(["Par", "is", "."]))
    events = list(gateway.client().chat.completions.create(**ask("Capital? (streamed)", stream=True)))
    pieces = [event.choices[0].delta.content for event in events if event.choices]
    assert [piece for piece in pieces if piece] == ["Par", "is", "."]
    assert events[-1].choices[0].finish_reason == "stop"


def test_unknown_fields_and_numbers_reach_the_upstream_byte_for_byte(plain: Plain) -> None:
    """What the gateway does not understand it passes on, whatever Python's JSON would have made of it."""
    gateway, upstream = plain
    body = (
        b'{"model":"auto","messages":[{"role":"user","content":"raw \\u00e9","x_part":{"a":1e400}}],'
        b'"x_big":123456789012345678901234567890,"x_float":1.0,"top_k":7}'
    )
    with gateway.http() as client:
        assert client.post("/v1/chat/completions", content=body).status_code == 200
    sent = upstream.requests[0].body
    assert b'"x_big":123456789012345678901234567890,"x_float":1.0,"top_k":7' in sent
    assert b'{"a":1e400}' in sent
    assert b'"model":"gpt-4o-mini"' in sent


def test_the_gateways_own_key_goes_upstream_and_the_callers_does_not(plain: Plain) -> None:
    """Credentials are swapped at the gateway; nothing of the caller's headers travels on."""
    gateway, upstream = plain
    client = gateway.client(api_key="callers-secret", default_headers={"x-private": "callers-secret"})
    client.chat.completions.create(**ask("whose key?"))
    headers = upstream.requests[0].headers
    assert headers["authorization"] == "Bearer upstream-secret"
    assert "callers-secret" not in json.dumps(headers)


def test_the_usage_chunk_comes_only_when_asked_for(plain: Plain) -> None:
    """The gateway asks for usage on its own account and hides it from clients that did not."""
    gateway, upstream = plain
    upstream.script(Stream(["a"], usage=(5, 1)), Stream(["a"], usage=(5, 1)))
    create = gateway.client().chat.completions.create
    silent = list(create(**ask("usage one", stream=True)))
    asked = list(create(**ask("usage two", stream=True, stream_options={"include_usage": True})))
    assert all(event.choices for event in silent)
    assert asked[-1].choices == [] and asked[-1].usage is not None
    assert asked[-1].usage.total_tokens == 6
    assert upstream.requests[0].json["stream_options"] == {"include_usage": True}


TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def test_tool_calls_pass_whole(plain: Plain) -> None:
    """A whole tool call reaches the client unchanged."""
    gateway, upstream = plain
    upstream.script(
        Whole("", finish_reason="tool_calls", message={"content": None, "tool_calls": [TOOL_CALL]})
    )
    completion = gateway.client().chat.completions.create(**ask("weather?", tools=TOOLS))
    calls = completion.choices[0].message.tool_calls
    assert calls is not None and calls[0].to_dict() == TOOL_CALL
    assert upstream.requests[0].json["tools"] == TOOLS


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": more.pop("index", 0), "delta": delta, "finish_reason": finish, **more}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def test_tool_calls_log_probs_and_choices_pass_streamed(plain: Plain) -> None:
    """Pieces that the gateway has no use for still arrive, in order."""
    gateway, upstream = plain
    part = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"ci'},
    }
    logprobs = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    chunks = [
        chunk({"role": "assistant", "tool_calls": [part]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": 'ty":1}'}}]}),
        chunk({"content": "Hi"}, index=1, logprobs=logprobs),
        chunk({}, "tool_calls"),
    ]
    upstream.script(Chunks(chunks))
    events = list(gateway.client().chat.completions.create(**ask("n of two", stream=True, n=2, tools=TOOLS)))
    assert [event.to_dict()["choices"] for event in events] == [event["choices"] for event in chunks]


def test_a_stream_is_asked_for_and_a_whole_answer_comes(plain: Plain) -> None:
    """An upstream that ignores `stream` is turned into a stream for the client."""
    gateway, upstream = plain
    whole = {
        "id": "c2", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "all at once"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    }  # fmt: skip
    upstream.script(Json(whole))
    events = list(gateway.client().chat.completions.create(**ask("ignores stream", stream=True)))
    assert "".join(event.choices[0].delta.content or "" for event in events) == "all at once"


def test_every_answer_carries_the_decision_headers(plain: Plain) -> None:
    """Whole answers say who answered, why, at what cost; streams say all that is known at the first byte."""
    gateway, _ = plain
    raw = gateway.client().chat.completions.with_raw_response.create(**ask("headers, whole"))
    common = {
        "target",
        "model",
        "rule",
        "policy",
        "task",
        "domain",
        "difficulty",
        "cache",
        "overhead-ms",
        "trace-id",
    }
    for name in common | {"cost-usd", "saved-usd"}:
        assert raw.headers[f"x-pointsman-{name}"], name
    assert raw.headers["x-pointsman-target"] == "up"
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse()._request_id == raw.headers["x-request-id"]
    streamed = gateway.client().chat.completions.with_raw_response.create(
        **ask("headers, streamed", stream=True)
    )
    assert common <= {name.removeprefix("x-pointsman-") for name in streamed.headers}
    list(streamed.parse())


def test_cost_is_the_price_of_the_tokens(plain: Plain) -> None:
    """gpt-4o-mini costs $0.15 a million tokens in and $0.60 out in the price table that ships."""
    gateway, upstream = plain
    upstream.script(Whole("priced", usage=(1_000_000, 500_000)))
    raw = gateway.client().chat.completions.with_raw_response.create(**ask("what does it cost"))
    assert float(raw.headers["x-pointsman-cost-usd"]) == pytest.approx(0.15 + 0.30)
    assert float(raw.headers["x-pointsman-saved-usd"]) == pytest.approx(0.0)


def test_models_are_listed_and_found(plain: Plain) -> None:
    """`auto` and the targets are models; the official client lists and retrieves them."""
    gateway, _ = plain
    client = gateway.client()
    assert {model.id for model in client.models.list()} == {"auto", "up"}
    assert client.models.retrieve("up").owned_by == "openai"


def test_an_alias_lets_clients_keep_their_model_name(plain: Plain) -> None:
    """`gpt-*` stands for auto in this policy, so an application changes its base URL and nothing else."""
    gateway, upstream = plain
    upstream.script(Whole("as before"))
    completion = gateway.client().chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "which model am I asking?"}]
    )
    assert completion.choices[0].message.content == "as before"
