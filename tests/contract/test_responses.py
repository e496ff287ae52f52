"""OpenAI's Responses API through the official client: whole, streamed, stored, gone on from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.contract.messages import CALL, chunk, whole
from tests.fake_upstream import Chunks, Cut, Error, Stream, Whole
from tests.processes import Pointsman

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.test_chat import Plain
    from tests.fake_upstream import FakeUpstream

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a place",
    "strict": True,
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}


def test_a_whole_response(plain: Plain) -> None:
    """Text, status, usage and what the request said are where the client looks for them."""
    gateway, upstream = plain
    upstream.script(Whole("Paris.", usage=(11, 3)))
    raw = gateway.client().responses.with_raw_response.create(
        model="auto",
        input="Capital of France, response?",
        instructions="Be brief.",
        temperature=0.2,
        metadata={"a": "b"},
    )
    response = raw.parse()
    assert response.output_text == "Paris." and response.status == "completed"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (
        11,
        3,
        14,
    )
    assert (response.instructions, response.temperature, response.metadata) == ("Be brief.", 0.2, {"a": "b"})
    assert raw.headers["x-pointsman-target"] == "up"
    assert upstream.requests[0].json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Capital of France, response?"},
    ]


def test_a_streamed_response_has_its_events_in_order(plain: Plain) -> None:
    """From created to completed, numbered without gaps; the final object is that of a whole answer."""
    gateway, upstream = plain
    upstream.script(Stream(["Par", "is."], usage=(11, 3)))
    events = list(gateway.client().responses.create(model="auto", input="events", stream=True))
    assert [event.type for event in events] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].response.output == [] and events[0].response.status == "in_progress"
    last = events[-1].response
    assert last.output_text == "Paris." and last.usage.total_tokens == 14


def test_the_clients_own_accumulation(plain: Plain) -> None:
    """`responses.stream` follows the events and ends with the parsed response."""
    gateway, upstream = plain
    upstream.script(Stream(["Par", "is."]), Stream(["Par"], finish_reason="length"))
    with gateway.client().responses.stream(model="auto", input="accumulated") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "Paris."
    *_, last = gateway.client().responses.create(model="auto", input="cut short", stream=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_everything_that_an_input_holds_reaches_the_upstream(plain: Plain) -> None:
    """Items, images, files, calls and their outputs, schema, effort and limits, in the words of a chat."""
    gateway, upstream = plain
    upstream.script(Whole('{"a":1}'))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    gateway.client().responses.create(
        model="auto", max_output_tokens=500, top_p=0.5, parallel_tool_calls=False, user="u",
        reasoning={"effort": "low", "summary": "auto"}, tools=[WEATHER], store=False,
        tool_choice={"type": "function", "name": "weather"}, extra_body={"min_p": 0.1},
        text={"verbosity": "low",
              "format": {"type": "json_schema", "name": "answer", "strict": True, "schema": schema}},
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
             "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
        ],
    )  # fmt: skip
    function = {k: v for k, v in WEATHER.items() if k != "type"}
    calls = [
        {"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        for name in ("c1", "c2")
    ]
    assert upstream.requests[0].json == {
        "model": "gpt-4o-mini", "max_completion_tokens": 500, "top_p": 0.5, "parallel_tool_calls": False,
        "user": "u", "reasoning_effort": "low", "verbosity": "low", "min_p": 0.1,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            {"role": "tool", "tool_call_id": "c2", "content": "sun"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_and_calls_are_items_of_their_own(plain: Plain, stream: bool) -> None:
    """Reasoning, text and a function call, with reasoning tokens counted."""
    gateway, upstream = plain
    upstream.script(
        Chunks([
            chunk({"reasoning_content": "He wants "}), chunk({"reasoning_content": "weather."}),
            chunk({"content": "Looking."}), chunk({"tool_calls": [{"index": 0, **CALL}]}), chunk({}, "tool_calls"),
        ])
        if stream
        else whole(
            {"reasoning_content": "He wants weather.", "content": "Looking.", "tool_calls": [CALL]}, "tool_calls"
        )
    )  # fmt: skip
    answer = gateway.client().responses.create(
        model="auto", input=f"weather {stream}", tools=[WEATHER], stream=stream
    )
    response = list(answer)[-1].response if stream else answer
    thought, message, call = response.output
    assert thought.content[0].text == "He wants weather."
    assert message.content[0].text == "Looking."
    assert (call.call_id, call.name, json.loads(call.arguments)) == ("call_1", "weather", {"place": "Oslo"})
    assert response.status == "completed"


def test_a_response_is_stored_gone_on_from_and_deleted(plain: Plain) -> None:
    """The next request needs its id alone; instructions do not carry over; after deletion it is unknown."""
    gateway, upstream = plain
    client = gateway.client()
    upstream.script(Whole("I am Ada."), Stream(["You said", " hello."]), Whole("Twice."))
    first = client.responses.create(model="auto", input="hello", instructions="Be Ada.")
    assert client.responses.retrieve(first.id).output_text == "I am Ada."
    events = list(
        client.responses.create(
            model="auto", input="What did I say?", previous_response_id=first.id, stream=True
        )
    )
    second = events[-1].response
    third = client.responses.create(model="auto", input="How often?", previous_response_id=second.id)
    assert third.previous_response_id == second.id
    assert upstream.requests[2].json["messages"] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "I am Ada."},
        {"role": "user", "content": "What did I say?"},
        {"role": "assistant", "content": "You said hello."},
        {"role": "user", "content": "How often?"},
    ]
    client.responses.delete(first.id)
    for attempt in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError):
            attempt(first.id)
    with pytest.raises(openai.NotFoundError) as raised:
        client.responses.create(model="auto", input="x", previous_response_id=first.id)
    assert raised.value.param == "previous_response_id"


def test_what_is_not_to_be_stored_is_not(plain: Plain) -> None:
    """`store: false` leaves nothing behind, and the response says so."""
    gateway, upstream = plain
    upstream.script(Whole("gone"))
    client = gateway.client()
    response = client.responses.create(model="auto", input="forget me", store=False)
    assert response.model_dump()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_another_tenants_response_is_as_unknown_as_none(
    tmp_path: Path, upstream: FakeUpstream, plain_policy: Path
) -> None:
    """Reading, deleting and going on from it are 404; retention of 0 days keeps nothing."""
    from gateway.auth import digest

    config = tmp_path / "gateway.yaml"
    keys = "".join(f"  - {{id: {t}, tenant: {t}, sha256: {digest(t)}}}\n" for t in ("acme", "evil"))
    config.write_text(f"keys:\n{keys}")
    environ = {"OPENAI_BASE_URL": upstream.url}
    arguments = ("--policy", str(plain_policy), "--config", str(config))
    with Pointsman(tmp_path / "data", arguments=arguments, environ=environ) as gateway:
        mine = gateway.client(api_key="acme").responses.create(model="auto", input="secret")
        theirs = gateway.client(api_key="evil")
        for attempt in (
            lambda: theirs.responses.retrieve(mine.id),
            lambda: theirs.responses.delete(mine.id),
            lambda: theirs.responses.create(model="auto", input="x", previous_response_id=mine.id),
        ):
            with pytest.raises(openai.NotFoundError):
                attempt()
        assert gateway.client(api_key="acme").responses.retrieve(mine.id).id == mine.id
    environ["POINTSMAN_RESPONSES_DAYS"] = "0"
    with Pointsman(tmp_path / "data", arguments=arguments, environ=environ) as gateway:
        client = gateway.client(api_key="acme")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(mine.id)
        assert client.responses.create(model="auto", input="y").model_dump()["store"] is False


UNTRANSLATABLE: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "`input` is missing"),
    ({"input": 7}, "list of items"),
    ({"input": [{"type": "computer_call"}]}, "computer_call"),
    ({"input": [{"role": "king", "content": "x"}]}, "use user"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "file_id"),
    ({"tools": [{"type": "web_search"}, {"type": "mcp"}]}, "mcp, web_search"),
    ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"background": True}, "background"),
    ({"conversation": "c"}, "previous_response_id"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"include": ["file_search_call.results"]}, "include"),
    ({"max_output_tokens": 0}, "at least 1"),
    ({"text": {"format": {"type": "xml"}}}, "json_schema"),
    ({"previous_response_id": 7}, "previous_response_id"),
]


@pytest.mark.parametrize(("change", "words"), UNTRANSLATABLE)
def test_what_cannot_be_translated_is_refused_by_name(
    plain: Plain, change: dict[str, Any], words: str
) -> None:
    """A 400 in OpenAI's envelope, and nothing reaches the upstream."""
    gateway, upstream = plain
    with gateway.http() as client:
        response = client.post("/v1/responses", json={"model": "auto", "input": "x"} | change)
    assert response.status_code == 400, response.text
    assert words in response.json()["error"]["message"]
    assert upstream.requests == []


def test_failures(plain: Plain) -> None:
    """An error before the first byte has a status; a cut after it raises in the client."""
    gateway, upstream = plain
    upstream.script(Error(429, retry_after=3), Cut(after_events=3))
    with pytest.raises(openai.RateLimitError):
        gateway.client().responses.create(model="auto", input="limited")
    with pytest.raises(openai.APIError):
        list(gateway.client().responses.create(model="auto", input="cut", stream=True))
