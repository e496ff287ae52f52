"""What the heads do not read still counts: length, and identifiers of the user's."""

from __future__ import annotations

import time

import pytest

from routers.signals import RequestText
from routers.unread import unread_floor, unread_tokens

CARD = "4111 1111 1111 1111"
FILLER = "The weather was nice and the road was long. " * 200


def test_tokens_of_the_conversation_are_estimated() -> None:
    """Earlier turns and replies count at four characters a token; the last turn is counted elsewhere."""
    assert unread_tokens(RequestText(user="x" * 4000)) == 0
    assert unread_tokens(RequestText(user="", earlier="x" * 400, replies=4000)) == 1100


@pytest.mark.parametrize(
    ("said", "floor"),
    [
        (f"My card is {CARD}.", 0.99),
        ("Pay to DE89 3704 0044 0532 0130 00 please.", 0.99),
        ("I am anna.keller@example.org.", 0.97),
        ("Call +44 20 7946 0958.", 0.9),
        ("Order 4111 1111 1111 1112 is late.", 0.0),
        ("Hello!", 0.0),
    ],
)
def test_an_earlier_turn_is_as_personal_as_when_it_was_the_last(said, floor) -> None:
    """The floor of an identifier does not go away with the next turn."""
    assert unread_floor(RequestText(user="Thanks!", earlier=said)) == floor


@pytest.mark.parametrize("said", [CARD, "DE89 3704 0044 0532 0130 00", "anna@example.org"])
def test_the_middle_of_a_long_text_is_searched(said) -> None:
    """What the heads cut away is searched for what leaves little doubt, in the last turn and in earlier ones."""
    long = f"{FILLER} {said} {FILLER}"
    assert unread_floor(RequestText(user=long)) >= 0.97
    assert unread_floor(RequestText(user="hi", earlier=long)) >= 0.97


def test_a_system_prompt_makes_nothing_personal() -> None:
    """An address for questions in a system prompt would make every request personal."""
    assert unread_floor(RequestText(user="hi", system=f"Questions to help@example.org. {CARD}")) == 0.0


@pytest.mark.parametrize("unit", ["ZZ99 ", "1 2 3 4 5 12 123 1234 98 7 ", "a@", "17324532821234 ", "\ud800é"])
def test_a_text_made_to_be_slow_is_not(unit) -> None:
    """A megabyte of what looks like an identifier takes bounded time."""
    start = time.process_time()
    unread_floor(RequestText(user="hi", earlier=unit * (1_000_000 // len(unit))))
    assert time.process_time() - start < 2.0
