"""Leaving out greetings and thanks."""

from __future__ import annotations

import time

import pytest

from routers.courtesy import without_courtesies


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("Hi, what is the capital of France?", "what is the capital of France?"),
        ("Good morning. Please help: solve 3x = 6 for x, thanks a lot!", "solve 3x = 6 for x"),
        ("Can I return the blue one\n\nThank you in advance!", "Can I return the blue one"),
        ("  Is it late there?\n", "Is it late there?"),
    ],
)
def test_greetings_and_thanks_are_left_out(text, core) -> None:
    """What stands between them is the request."""
    assert without_courtesies(text) == core


@pytest.mark.parametrize(
    "text", ["Hello!", "thank you so much", "Hi there, Bob", "How do I say thank you?", "", "History of Rome"]
)
def test_what_would_leave_little_stays_whole(text) -> None:
    """A greeting alone is the request; thanks inside it and words that only begin alike are no courtesies."""
    assert without_courtesies(text) == text


@pytest.mark.parametrize(
    "text", ["hi, " * 250_000, "thanks " * 150_000, " " * 1_000_000, "please." * 100_000]
)
def test_time_is_bounded(text) -> None:
    """A megabyte of courtesies takes a fraction of a second."""
    start = time.perf_counter()
    without_courtesies(text)
    assert time.perf_counter() - start < 0.5
