"""One path: a whole answer is the fold of a stream, and a stream the unfolding of a whole answer."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import BadCompletion
from gateway.execute.streams import fold, read_event, unfold
from tests.property.gateway.strategies import completions, json_value, law, streams


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def refold(body: bytes, *, include_usage: bool = True) -> bytes:
    """A body unfolded and folded again, event by event, as a client and the cache would see it."""
    return fold([read_event(event) for event in unfold(body, include_usage=include_usage)]).body


@law
@given(completions())
def test_folding_an_unfolded_body_gives_the_body_back(body):
    """Nothing that a server sends whole is lost or changed by sending it as a stream, unknown fields included."""
    assert json.loads(refold(encode(body))) == body


@law
@given(completions())
def test_without_usage_only_usage_is_left_out(body):
    """A client that did not ask for the usage event gets everything else."""
    again = json.loads(refold(encode(body), include_usage=False))
    body.pop("usage", None)
    assert again == body


@law
@given(completions())
def test_the_usage_event_is_last_and_alone(body):
    """With `include_usage` exactly one event carries usage, the last, and it has no choices."""
    *events, last = [json.loads(event) for event in unfold(encode(body), include_usage=True)]
    assert last["choices"] == []
    assert last["usage"] == body.get("usage")
    assert all(event["usage"] is None and len(event["choices"]) == 1 for event in events)


@law
@given(completions())
def test_a_whole_body_folds_to_itself_byte_for_byte(body):
    """A delta that is a whole body is passed on as the bytes that came."""
    raw = json.dumps(body, indent=1).encode()
    completion = fold([read_event(raw, whole=True)])
    assert completion.body == raw


@law
@given(streams())
def test_a_folded_stream_is_stable(events):
    """Folding a stream, unfolding and folding again changes nothing more."""
    once = fold([read_event(encode(event)) for event in events]).body
    assert json.loads(refold(once)) == json.loads(once)


@law
@given(streams())
def test_a_fold_keeps_every_character_of_text(events):
    """The text of each choice is what its pieces are, one after another."""
    whole = json.loads(fold([read_event(encode(event)) for event in events]).body)
    wanted: dict[int, str] = {}
    for event in events:
        for choice in event["choices"]:
            index = choice["index"]
            wanted[index] = wanted.get(index, "") + (choice["delta"].get("content") or "")
    assert {choice["index"]: choice["message"]["content"] or "" for choice in whole["choices"]} == wanted


@law
@given(json_value, st.booleans())
@example({"choices": [{"delta": {"content": 7}}]}, False)
@example({"error": {"message": "overloaded"}, "choices": []}, False)
def test_no_json_makes_a_reader_fail_otherwise_than_as_a_bad_completion(value, whole):
    """Whatever JSON a target sends, it is a delta or `BadCompletion`."""
    for body in (encode(value), encode({"choices": value}), encode({"choices": [{"delta": value}]})):
        with contextlib.suppress(BadCompletion):
            fold([read_event(body, whole=whole)])


@law
@given(st.lists(json_value, max_size=3))
def test_tool_call_fragments_of_any_shape_fold_or_are_refused(fragments):
    """Fragments that make no sense are a bad completion and not a crash."""
    events = [encode({"choices": [{"delta": {"tool_calls": [fragment]}}]}) for fragment in fragments]
    with contextlib.suppress(BadCompletion):
        fold([read_event(event) for event in events])


@pytest.mark.parametrize(
    "number", ["1e999", "123456789012345678901234567890", "0.10", "1e99999999999999999999"]
)
def test_numbers_beyond_a_float_survive_a_stream(number):
    """A number that no float holds is carried digit by digit."""
    body = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"x":%s}'
    assert f'"x":{number}'.encode() in refold(body % number.encode())


def test_bytes_that_are_no_utf8_are_a_bad_completion():
    """Also where the decoder would have skipped them."""
    with pytest.raises(BadCompletion, match="not a chat completion"):
        read_event(b'{"choices":[{"message":{"content":"x"}}],"x":"\xff"}', whole=True)


def test_tool_calls_that_begin_with_null_are_folded():
    """Some servers send `tool_calls: null` before the first fragment."""
    events = [
        b'{"choices":[{"index":0,"delta":{"tool_calls":null,"function_call":null}}]}',
        b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{"}}]}}]}',
        b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}',
    ]
    message = json.loads(fold([read_event(event) for event in events]).body)["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "a", "function": {"arguments": "{}"}}]
