"""Arbitrary completions, streams and requests in OpenAI's shapes, with fields that nobody knows."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

law = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
"""Machines that run tests are shared: an example may take long without anything being wrong."""

# JSON has no half of a surrogate pair, and no server sends one.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
short = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
number = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
scalar = st.one_of(st.none(), st.booleans(), number, short)
json_value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(short, inner, max_size=3)),
    max_leaves=6,
)
_names = short.map(lambda name: f"x_{name}")
unknown = st.dictionaries(_names, json_value, max_size=3)
finish = st.sampled_from(["stop", "length", "tool_calls", "content_filter", None])

_token = st.fixed_dictionaries({"token": short, "logprob": st.floats(-100, 0), "top_logprobs": st.just([])})
_logprobs = st.one_of(
    st.none(), st.fixed_dictionaries({"content": st.lists(_token, max_size=3), "refusal": st.none()})
)
_function = st.fixed_dictionaries({"name": short, "arguments": text})
_tool_call = st.builds(
    lambda id_, function, more: {"id": id_, "type": "function", "function": function, **more},
    short, _function, unknown,
)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """An assistant's message: text or none, refusals, tool calls, reasoning, unknown fields."""
    optional = {
        "refusal": st.one_of(st.none(), text),
        "reasoning_content": text,
        "tool_calls": st.one_of(st.none(), st.lists(_tool_call, max_size=3)),
        "function_call": _function,
        "annotations": st.just([]),
    }
    chosen = draw(st.fixed_dictionaries({}, optional=optional))
    content = draw(st.one_of(st.none(), text))
    return {"role": "assistant", "content": content, **chosen, **draw(unknown)}


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    """A whole `chat.completion` as servers send it."""
    count = draw(st.integers(1, 3))
    choices = [
        {
            "index": index,
            "message": draw(messages()),
            "finish_reason": draw(finish),
            **({"logprobs": draw(_logprobs)} if draw(st.booleans()) else {}),
            **draw(unknown),
        }
        for index in range(count)
    ]
    usage = {"prompt_tokens": draw(st.integers(0, 10**6)), "completion_tokens": 5, **draw(unknown)}
    head = {"id": draw(short), "object": "chat.completion", "created": 7, "model": draw(short)}
    return {**head, **draw(unknown), "choices": choices, **({"usage": usage} if draw(st.booleans()) else {})}


@st.composite
def _fragments(draw: st.DrawFn) -> dict[str, Any]:
    """One delta of a stream: a bit of text, or fragments of tool calls, or nulls, as servers mix them."""
    call = st.fixed_dictionaries(
        {"index": st.integers(0, 2)},
        optional={
            "id": short,
            "function": st.fixed_dictionaries({}, optional={"name": short, "arguments": short}),
        },
    )
    optional = {
        "role": st.just("assistant"),
        "content": st.one_of(st.none(), short),
        "refusal": st.one_of(st.none(), short),
        "reasoning_content": st.one_of(st.none(), short),
        "tool_calls": st.one_of(st.none(), st.lists(call, max_size=2)),
        "function_call": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"arguments": short})),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The events of a stream, choices interleaved, usage last or not at all."""
    head = {"id": draw(short), "object": "chat.completion.chunk", "model": draw(short), **draw(unknown)}
    events: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 6))):
        part = {"index": draw(st.integers(0, 2)), "delta": draw(_fragments()), "finish_reason": draw(finish)}
        if draw(st.booleans()):
            part["logprobs"] = draw(_logprobs)
        events.append({**head, "choices": [part]})
    if draw(st.booleans()):
        events.append({**head, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    return events
