"""What a chat request becomes before a language model sees it."""

from __future__ import annotations

from typing import Any

import pytest

from routers.specialists.base import Declined
from routers.specialists.language import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_SYSTEM,
    Generation,
    InvalidGeneration,
    Turn,
    load_language_model,
    read_generation,
)


def read(**fields: Any) -> Generation:
    """The generation that a request asks for."""
    body = {"messages": [{"role": "user", "content": "Hello"}], **fields}
    found = read_generation(body, structured=True)
    assert isinstance(found, Generation)
    return found


def test_what_the_caller_leaves_open_is_bounded_and_deterministic() -> None:
    """Without limits of its own a request is answered greedily, briefly, and in a bounded number of tokens."""
    found = read()
    assert (found.max_tokens, found.temperature, found.stop) == (DEFAULT_MAX_TOKENS, 0.0, ())
    assert found.turns == (Turn("system", DEFAULT_SYSTEM), Turn("user", "Hello"))


def test_what_the_caller_says_wins() -> None:
    """Own limits, sampling, stop texts and system turn are taken as given."""
    messages = [{"role": "developer", "content": "Be verbose."}, {"role": "user", "content": "Hello"}]
    found = read(messages=messages, max_completion_tokens=7, max_tokens=9, temperature=1, stop="x", seed=3)
    assert found.turns[0] == Turn("system", "Be verbose.")
    assert (found.max_tokens, found.temperature, found.stop, found.seed) == (7, 1.0, ("x",), 3)


def test_text_parts_are_joined() -> None:
    """A message in parts reads like the same message in one."""
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]
    assert read(messages=[{"role": "user", "content": parts}]).turns[-1].content == "Hello\nthere"


def test_tools_that_may_not_be_called_do_not_matter() -> None:
    """`tool_choice: none` leaves an ordinary question."""
    assert read(tools=[{"type": "function"}], tool_choice="none")


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_schema_is_declined_by_a_model_that_cannot_keep_it(kind: str) -> None:
    """A runtime without constrained decoding does not promise JSON."""
    body = {"messages": [{"role": "user", "content": "Hello"}], "response_format": {"type": kind}}
    assert isinstance(read_generation(body, structured=False), Declined)
    assert read(response_format={"type": kind}).response_format == {"type": kind}
    assert read(response_format={"type": "text"}).response_format is None


def test_wrong_value_names_its_field() -> None:
    """A value out of range is an error with the path of the field."""
    with pytest.raises(InvalidGeneration) as error:
        read(temperature=9)
    assert error.value.param == "temperature"


def test_path_without_a_model_is_named(tmp_path: Any) -> None:
    """A missing path and a folder without a model are told apart."""
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_language_model(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="holds neither"):
        load_language_model(tmp_path)
