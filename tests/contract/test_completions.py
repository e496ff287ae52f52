"""The legacy completions API through the official client, whole and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.contract.messages import chunk, whole
from tests.fake_upstream import Chunks, Cut, Error, Stream, Whole

if TYPE_CHECKING:
    from tests.contract.test_chat import Plain

TOKENS = [
    {
        "token": "Par",
        "logprob": -0.1,
        "bytes": None,
        "top_logprobs": [{"token": "Par", "logprob": -0.1, "bytes": None}],
    },
    {"token": "is", "logprob": -0.2, "bytes": None, "top_logprobs": []},
]


def test_a_whole_completion(plain: Plain) -> None:
    """Text, finish reason, usage and decision headers; the upstream saw a chat with the other fields unchanged."""
    gateway, upstream = plain
    upstream.script(Whole(" Paris.", usage=(7, 2)))
    raw = gateway.client().completions.with_raw_response.create(
        model="auto", prompt="The capital of France is", max_tokens=9, temperature=0.3, stop=["\n"], seed=4
    )
    completion = raw.parse()
    assert (completion.object, completion.id[:5]) == ("text_completion", "cmpl-")
    assert (completion.choices[0].text, completion.choices[0].finish_reason) == (" Paris.", "stop")
    assert completion.usage is not None and completion.usage.total_tokens == 9
    assert raw.headers["x-pointsman-target"] == "up"
    assert upstream.requests[0].json == {
        "model": "gpt-4o-mini", "max_tokens": 9, "temperature": 0.3, "stop": ["\n"], "seed": 4,
        "messages": [{"role": "user", "content": "The capital of France is"}],
    }  # fmt: skip


@pytest.mark.parametrize("usage", [False, True], ids=["plain", "with usage"])
def test_a_streamed_completion(plain: Plain, usage: bool) -> None:
    """Pieces in order, the finish reason, and usage in a last event only where it was asked for."""
    gateway, upstream = plain
    upstream.script(Stream([" Par", "is."], usage=(7, 2)))
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    events = list(
        gateway.client().completions.create(model="auto", prompt=f"p {usage}", stream=True, **options)
    )
    assert [event.choices[0].text for event in events if event.choices] == [" Par", "is.", ""]
    assert [event.choices[0].finish_reason for event in events if event.choices][-1] == "stop"
    totals = [event.usage.total_tokens for event in events if event.usage]
    assert totals == ([9] if usage else [])


def test_several_choices_and_echo(plain: Plain) -> None:
    """`n` gives that many texts, and `echo` puts the prompt before each, whole and streamed."""
    gateway, upstream = plain
    upstream.script(Whole(" yes"), Stream([" y", "es"]))
    client = gateway.client()
    answer = client.completions.create(model="auto", prompt=["Well?"], n=2, echo=True, best_of=2)
    assert [choice.text for choice in answer.choices] == ["Well? yes", "Well? yes"]
    texts = {0: "", 1: ""}
    for event in client.completions.create(model="auto", prompt="Well!", n=2, echo=True, stream=True):
        for choice in event.choices:
            texts[choice.index] += choice.text
    assert texts == {0: "Well! yes", 1: "Well! yes"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_log_probabilities_in_the_older_form(plain: Plain, stream: bool) -> None:
    """Tokens, their log-probabilities, alternatives and offsets into the text."""
    gateway, upstream = plain
    pieces = [chunk({"content": token["token"]}, logprobs={"content": [token]}) for token in TOKENS]
    upstream.script(
        Chunks([*pieces, chunk({}, "stop")])
        if stream
        else whole({"content": "Paris"}, logprobs={"content": TOKENS})
    )
    answer = gateway.client().completions.create(
        model="auto", prompt=f"logprobs {stream}", logprobs=2, stream=stream
    )
    found = [event.choices[0].logprobs for event in answer] if stream else [answer.choices[0].logprobs]
    found = [logprobs for logprobs in found if logprobs]
    assert [token for logprobs in found for token in logprobs.tokens] == ["Par", "is"]
    assert [offset for logprobs in found for offset in logprobs.text_offset] == [0, 3]
    assert [p for logprobs in found for p in logprobs.token_logprobs] == [-0.1, -0.2]
    assert found[0].top_logprobs[0] == {"Par": -0.1}
    sent = upstream.requests[0].json
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 2)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 9}, "logprobs"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"extra_body": {"tools": [{}]}}, "tools"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_what_a_chat_cannot_do_is_refused(plain: Plain, options: dict[str, Any], param: str) -> None:
    """A 400 names the parameter, and nothing reaches the upstream."""
    gateway, upstream = plain
    with pytest.raises(openai.BadRequestError) as raised:
        gateway.client().completions.create(**({"model": "auto", "prompt": "x"} | options))
    assert raised.value.param == param
    assert upstream.requests == []


def test_failures(plain: Plain) -> None:
    """An error before the first byte has a status; a cut after it raises in the client."""
    gateway, upstream = plain
    upstream.script(Error(429, retry_after=3), Cut(after_events=3))
    with pytest.raises(openai.RateLimitError):
        gateway.client().completions.create(model="auto", prompt="limited")
    with pytest.raises(openai.APIError):
        list(gateway.client().completions.create(model="auto", prompt="cut", stream=True))
