"""Leaves out greetings and thanks around a request: they say nothing about what is asked."""

from __future__ import annotations

import re
from typing import Final

_OPENING: Final = re.compile(
    r"(?:(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening|day))(?: there| all| everyone)?\s*[,.!:]+\s*"
    r"|(?:please )?help(?: me)?(?: with this)?\s*:\s*|(?:a )?quick question\s*[:.,]+\s*|question\s*:\s*"
    r"|(?:excuse me|sorry to bother you|dear assistant|i need (?:some |your )?help)\s*[,.!:]+\s*)+",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"(?:[\s,]+"
    r"(?:(?:many )?thanks(?: a lot| so much| again)?|thank you(?: very much| so much| again)?|thx|cheers|please"
    r"|asap)(?: in advance| for your help)?[.!]*)+\s*$",
    re.IGNORECASE,
)
_LONGEST_OPENING, _LONGEST_CLOSING = 120, 64
_CLOSING_WORDS: Final = ("thank", "please", "cheers", "asap", "thx")
_FEWEST_SPACES: Final = 2
"""What is left must be a request of its own: `Hello!` and `thank you so much` stay as they are."""


def without_courtesies(text: str) -> str:
    """The text without white space, greetings and thanks at its ends; bounded time."""
    text = text.strip()
    opening = _OPENING.match(text, 0, _LONGEST_OPENING)
    start = opening.end() if opening else 0
    tail = text[-_LONGEST_CLOSING:].lower()
    # Looking for a word is far cheaper than trying the pattern everywhere.
    is_polite = any(word in tail for word in _CLOSING_WORDS)
    closing = _CLOSING.search(text, max(len(text) - _LONGEST_CLOSING, start)) if is_polite else None
    if not opening and not closing:
        return text
    core = text[start : closing.start() if closing else None]
    return core if core.count(" ") >= _FEWEST_SPACES else text
