"""From the bytes of a request to a call."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from tests.unit.gateway.build import call, call_of

TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("fields", "fact", "expected"),
    [
        ({}, "stream", False),
        ({"stream": True}, "stream", True),
        ({"stream": None}, "stream", False),
        ({"stream_options": {"include_usage": True}}, "include_usage", True),
        ({"stream_options": {}}, "include_usage", False),
        ({"tools": [TOOL]}, "tools", True),
        ({"tools": []}, "tools", False),
        ({"functions": [{"name": "f"}]}, "tools", True),
        ({"tool_choice": "auto"}, "forced_tool", False),
        ({"tool_choice": "none"}, "forced_tool", False),
        ({"tool_choice": None}, "forced_tool", False),
        ({"tool_choice": "required"}, "forced_tool", True),
        ({"tool_choice": TOOL}, "forced_tool", True),
        ({"response_format": {"type": "text"}}, "json_schema", False),
        ({"response_format": {"type": "json_object"}}, "json_schema", True),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "json_schema", True),
        ({"max_tokens": 5}, "max_output_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_output_tokens", 7),
        ({}, "max_output_tokens", None),
        ({"temperature": 0.7}, "sampled", True),
        ({"temperature": 0}, "sampled", False),
        ({"temperature": 0.7, "seed": 0}, "sampled", False),
        ({}, "sampled", False),
        ({"metadata": {"team": "a"}}, "metadata", {"team": "a"}),
        ({"metadata": None}, "metadata", {}),
        ({"model": "gpt-4o"}, "model", "gpt-4o"),
    ],
)
def test_fields_become_facts(fields, fact, expected):
    """Each field that routing needs is read, absent and null alike."""
    assert getattr(call(fields), fact) == expected


def test_every_field_is_kept_byte_for_byte():
    """Known or unknown, number formats and spacing included."""
    found = call_of(
        b'{"model":"auto","messages":[ {"role":"user","content":"\\u00e9"}],"temperature":0.70,"x":{"y" : 1e3}}'
    )
    assert {name: bytes(raw) for name, raw in found.fields.items()} == {
        "model": b'"auto"',
        "messages": b'[ {"role":"user","content":"\\u00e9"}]',
        "temperature": b"0.70",
        "x": b'{"y" : 1e3}',
    }


def test_text_is_every_system_message_and_what_the_user_said():
    """Developer messages count as system; earlier user turns are kept apart; of replies only the length counts."""
    found = call(
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "first"},
                {"role": "assistant", "content": None},
                {"role": "developer", "content": [{"type": "text", "text": "in French"}]},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "tool", "content": "result", "tool_call_id": "x"},
            ]
        }
    ).text
    assert (found.system, found.user, found.turns) == ("be brief\nin French", "a\nb", 2)
    assert (found.earlier, found.replies) == ("first", len("result"))


def test_modalities_come_from_content_parts():
    """Text is always there; images, audio, files and video by their part types; unknown types are carried."""
    parts = [
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "input_audio", "input_audio": {}},
        {"type": "file", "file": {}},
        {"type": "video_url", "video_url": {}},
        {"type": "hologram"},
    ]
    found = call({"messages": [{"role": "user", "content": parts}]})
    assert found.modalities == {"text", "image", "audio", "file", "video"}


def test_bytes_that_are_no_utf8_are_refused_wherever_they_stand():
    """Also in a field that the gateway only carries."""
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        call_of(b'{"model":"auto","messages":[{"role":"user","content":"x"}],"x":"\xff"}')
