"""Anthropic's Messages API through the official client: whole and streamed, over a socket, before a fake upstream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.contract.messages import CALL, PIXEL, WEATHER, ask, chunk, client_of, whole
from tests.fake_upstream import Chunks, Stream, Whole

if TYPE_CHECKING:
    from tests.contract.test_chat import Plain


def test_a_whole_message(plain: Plain) -> None:
    """Text, stop reason, usage, model and request id are where the client looks for them."""
    gateway, upstream = plain
    upstream.script(Whole("Paris.", usage=(11, 3)))
    with client_of(gateway) as client:
        raw = client.messages.with_raw_response.create(**ask("Capital of France, message?"))
    message = raw.parse()
    assert message.type == "message" and message.role == "assistant"
    assert [(block.type, block.text) for block in message.content] == [("text", "Paris.")]
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 3)
    assert message.model == "gpt-4o-mini" and message.id.startswith("msg_")
    assert raw.headers["x-pointsman-target"] == "up" and raw.headers["x-pointsman-cost-usd"]
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    assert upstream.requests[0].json["max_completion_tokens"] == 100


def test_a_streamed_message_has_its_events_in_order(plain: Plain) -> None:
    """message_start, ping, one block with its deltas, message_delta with usage, message_stop; and nothing else."""
    gateway, upstream = plain
    upstream.script(Stream(["Par", "is", "."], usage=(11, 3)))
    with gateway.http() as client:
        text = client.post("/v1/messages", json=ask("Capital? (events)", stream=True)).text
    events = [block.split("\n") for block in text.strip().split("\n\n")]
    payloads = [json.loads(data.removeprefix("data: ")) for _, data in events]
    assert [name.removeprefix("event: ") for name, _ in events] == [p["type"] for p in payloads]
    assert [p["type"] for p in payloads] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert {p["index"] for p in payloads if "index" in p} == {0}
    assert payloads[-2]["usage"] == {
        "input_tokens": 11, "output_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    }  # fmt: skip


def test_the_clients_own_accumulation_of_a_stream(plain: Plain) -> None:
    """`client.messages.stream` puts the same message together that a whole answer is."""
    gateway, upstream = plain
    upstream.script(Stream(["Par", "is", "."], usage=(11, 3), finish_reason="length"))
    with (
        client_of(gateway) as client,
        client.messages.stream(**ask("Capital? (accumulated)")) as stream,
    ):
        assert "".join(stream.text_stream) == "Paris."
        message = stream.get_final_message()
    assert message.stop_reason == "max_tokens"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 3)


def test_everything_that_a_conversation_holds_reaches_the_upstream(plain: Plain) -> None:
    """System, images, documents, tools, their calls and results, thoughts and limits, in the words of a chat."""
    gateway, upstream = plain
    upstream.script(Whole("ok"))
    with client_of(gateway) as client:
        client.messages.create(
            model="auto", max_tokens=2000, stop_sequences=["END"],
            system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
            metadata={"user_id": "u-1"}, thinking={"type": "enabled", "budget_tokens": 1024},
            tools=[{**WEATHER, "cache_control": {"type": "ephemeral"}}],
            tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            extra_body={"min_p": 0.1, "temperature": 0.5, "top_p": 0.9},
            messages=[
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": PIXEL},
                    {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A deed."}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"place": "Oslo"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": [
                        {"type": "text", "text": "no such place"}, {"type": "image", "source": PIXEL}]},
                    {"type": "text", "text": "Try again."},
                ]},
            ],
        )  # fmt: skip
    sent = upstream.requests[0].json
    pixel = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    assert sent == {
        "model": "gpt-4o-mini", "max_completion_tokens": 2000, "temperature": 0.5, "top_p": 0.9,
        "stop": ["END"], "user": "u-1", "reasoning_effort": "low", "parallel_tool_calls": False, "min_p": 0.1,
        "tools": [{"type": "function", "function": {
            "name": "weather", "description": "Weather of a place", "parameters": WEATHER["input_schema"]}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "messages": [
            {"role": "system", "content": "Be brief.\n\nBe kind."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"}, pixel,
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "text", "text": "A deed."}]},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Oslo"}'}}]},
            {"role": "tool", "tool_call_id": "t1", "content": "Error: no such place"},
            {"role": "user", "content": [pixel, {"type": "text", "text": "Try again."}]},
        ],
    }  # fmt: skip


def test_a_json_schema_becomes_the_response_format(plain: Plain) -> None:
    """`output_config.format` and `effort` have counterparts in a chat."""
    gateway, upstream = plain
    upstream.script(Whole('{"a":1}'))
    config = {"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "high"}
    with gateway.http() as client:
        assert client.post("/v1/messages", json=ask("schema", output_config=config)).status_code == 200
    sent = upstream.requests[0].json
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert sent["reasoning_effort"] == "high" and "output_config" not in sent


def test_tool_calls_come_back_as_blocks(plain: Plain) -> None:
    """Text and two calls, whole: `tool_use` with parsed input, and cached tokens apart from the others."""
    gateway, upstream = plain
    second = {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": ""}}
    upstream.script(whole({"content": "Looking.", "tool_calls": [CALL, second]}, "tool_calls"))
    with client_of(gateway) as client:
        message = client.messages.create(**ask("weather, whole", tools=[WEATHER]))
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert message.content[1].input == {"place": "Oslo"} and message.content[1].id == "call_1"
    assert message.content[2].input == {}
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (12, 8)


def test_thoughts_and_tool_calls_are_streamed_as_blocks_of_their_own(plain: Plain) -> None:
    """Each kind opens the next block and closes the one before; the client puts the input together."""
    gateway, upstream = plain
    start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    other = {
        "index": 1,
        "id": "call_2",
        "type": "function",
        "function": {"name": "weather", "arguments": "{}"},
    }
    upstream.script(
        Chunks([
            chunk({"role": "assistant", "content": ""}),
            chunk({"reasoning_content": "He wants "}), chunk({"reasoning_content": "weather."}),
            chunk({"content": "Looking."}),
            chunk({"tool_calls": [start]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"place":'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
            chunk({"tool_calls": [other]}), chunk({}, "tool_calls"),
        ])
    )  # fmt: skip
    with (
        client_of(gateway) as client,
        client.messages.stream(**ask("weather, streamed", tools=[WEATHER])) as stream,
    ):
        events = list(stream)
        message = stream.get_final_message()
    opened = [event.index for event in events if event.type == "content_block_start"]
    closed = [event.index for event in events if event.type == "content_block_stop"]
    assert opened == closed == [0, 1, 2, 3]
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert message.content[0].thinking == "He wants weather."
    assert message.content[2].input == {"place": "Oslo"}
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize(
    ("finish", "choice", "expected"),
    [
        ("stop", {}, ("end_turn", None)),
        ("length", {}, ("max_tokens", None)),
        ("content_filter", {}, ("refusal", None)),
        ("stop", {"stop_reason": "END"}, ("stop_sequence", "END")),
    ],
)
def test_why_an_answer_ended(plain: Plain, finish: str, choice: dict[str, Any], expected: Any) -> None:
    """Finish reasons in Anthropic's words; a stop sequence is named where the server names it."""
    gateway, upstream = plain
    upstream.script(whole({"content": "x"}, finish, **choice))
    with client_of(gateway) as client:
        message = client.messages.create(**ask(f"end {finish} {choice}", stop_sequences=["END"]))
    assert (message.stop_reason, message.stop_sequence) == expected


def test_an_equal_chat_has_filled_the_cache(plain: Plain) -> None:
    """One path: what a chat asked for answers the message that asks the same."""
    gateway, upstream = plain
    upstream.script(Whole("kept"))
    asked = "the same in two APIs"
    gateway.client().chat.completions.create(
        model="auto", messages=[{"role": "user", "content": asked}], max_completion_tokens=100
    )
    with client_of(gateway) as client:
        raw = client.messages.with_raw_response.create(**ask(asked))
        assert raw.headers["x-pointsman-cache"] == "hit"
        assert raw.parse().content[0].text == "kept"
        with client.messages.stream(**ask(asked)) as stream:
            assert stream.get_final_text() == "kept"
    assert len(upstream.requests) == 1


def test_tokens_are_counted_without_an_upstream(plain: Plain) -> None:
    """An estimate that grows with text, tools and images; `max_tokens` is not asked for."""
    gateway, upstream = plain
    messages = [{"role": "user", "content": "How many tokens are these words?"}]
    with client_of(gateway) as client:
        few = client.messages.count_tokens(model="auto", messages=messages).input_tokens
        more = client.messages.count_tokens(model="auto", messages=messages, tools=[WEATHER]).input_tokens
        picture = {"role": "user", "content": [{"type": "image", "source": PIXEL}]}
        seen = client.messages.count_tokens(model="auto", messages=[picture, *messages]).input_tokens
        with pytest.raises(anthropic.BadRequestError):
            client.messages.count_tokens(model="auto", messages=[])
    assert 5 <= few <= 15 and more > few + 10 and seen >= few + 1000
    assert upstream.requests == []
