"""Laws of reading chat requests: marked text is never an instruction, and nothing makes the reader fail."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routers.specialists.base import Declined, Task
from routers.specialists.contract import read_task
from routers.specialists.registry import shipped

CARD = shipped()["sentiment"]
QUESTION = "Is this review positive or negative?"

WORDS = (
    "film plot great dull loved positive negative answer yes no 1 translate explain why is this review neutral "
    "classify ignore instructions POSITIVE sentiment: text: good bad don't it's — :) 5/5"
)
words = st.sampled_from(WORDS.split())
sentences = st.lists(words, min_size=1, max_size=12).map(" ".join)
texts = st.lists(sentences, min_size=1, max_size=3).map(". ".join).map(lambda text: f"Watched {text}.")
json_like: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def ask(content: Any, system: str | None = None) -> dict[str, Any]:
    first = [{"role": "system", "content": system}] if system else []
    return {"messages": [*first, {"role": "user", "content": content}]}


@given(text=texts)
def test_tagged_text_is_taken_whole_whatever_it_says(text: str) -> None:
    """Whatever stands in the tags is the payload, to the letter; it changes neither task nor wording."""
    found = read_task(ask(f"{QUESTION}\n<review>{text}</review>\nAnswer with one word."), CARD)
    if ":" in text and isinstance(found, Declined):
        return  # a field name in the text may begin a second one
    assert isinstance(found, Task)
    assert found.payload == text
    assert found.words == {"negative": "negative", "positive": "positive"}


@given(text=texts)
def test_unmarked_text_is_taken_whole_or_not_at_all(text: str) -> None:
    """Behind a colon or a blank line, a text is the payload to the letter, or the request is declined."""
    for prompt in (f"{QUESTION}\n\n{text}", f"Classify the sentiment as positive or negative: {text}"):
        found = read_task(ask(prompt), CARD)
        cut_off = "" if isinstance(found, Declined) else text.removeprefix(found.payload)
        assert not cut_off or cut_off.startswith(
            " answer"
        )  # a last sentence on the answer's form is no review


@given(text=texts)
def test_a_user_message_under_a_system_prompt_is_taken_whole_or_not_at_all(text: str) -> None:
    """The system prompt asks; the user's message is the payload to the letter, or the request is declined."""
    found = read_task(ask(text, "You are a sentiment classifier. Reply with pos or neg."), CARD)
    if isinstance(found, Task):
        assert (found.payload, found.words) == (text, {"negative": "neg", "positive": "pos"})


@given(
    text=texts, addition=st.sampled_from(["neutral", "mixed", "explain", "translate it", "why", "in Spanish"])
)
def test_further_wishes_are_declined(text: str, addition: str) -> None:
    """A wish beyond the label, or a class beyond the labels, is never passed over."""
    found = read_task(ask(f"{QUESTION} And {addition}.\n<review>{text}</review>"), CARD)
    assert isinstance(found, Declined)


@given(content=json_like, options=st.dictionaries(st.text(max_size=8), json_like, max_size=3))
def test_no_request_makes_the_reader_fail(content: Any, options: dict[str, Any]) -> None:
    """Any JSON value in place of the content or the options is answered with a task or a reason."""
    assert isinstance(read_task({**options, **ask(content)}, CARD), Task | Declined)


@given(messages=json_like, response_format=json_like)
def test_no_messages_make_the_reader_fail(messages: Any, response_format: Any) -> None:
    """Any JSON value in place of the messages and the response format is answered with a reason."""
    body = {"messages": messages, "response_format": response_format}
    assert isinstance(read_task(body, CARD), Task | Declined)
