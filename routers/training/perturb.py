"""Edits that change how a request reads and not what it asks; training applies them so that serving ignores them."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import TYPE_CHECKING, Final

from routers.signals import RequestText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routers.training.examples import Example

_PREFACES: Final = (
    "Please ", "Can you tell me: ", "Hi there, ", "Hello! ", "Good morning. ", "Hey! ", "Question: ", "I need help. ",
    "Dear assistant, ", "Excuse me, ", "Sorry to bother you. ", "Help me with this: ", "Hi, ", "So, ", "Ok, ",
)  # fmt: skip
_ENDINGS: Final = (
    " please",
    " Thanks",
    " Thank you!",
    " Many thanks.",
    "\n\nCheers",
    "\nThanks in advance",
    " :)",
    " asap",
)
_BEFORE: Final = (
    "Could you please ", "Can you ", "I would like you to ", "Your task: ", "Here is what I need: ", "Quick one: ",
    "I have a question. ", "As discussed, ", "Need this today: ", "This is for a class. ",
    "Not sure who to ask, but ", "Maybe you can help. ", "Next, ", "My boss wants to know: ", "Tell me, ",
    "I'm curious: ", "Now this: ", "And then: ", "Another thing: ", "Just wondering, ", "For my notes: ",
    "Let's try this. ", "Here we go: ", "I am stuck. ", "A friend sent me this. ", "First of all, ",
    "Okay, next question. ", "Someone asked me this: ", "Task: ", "User: ", "You know this better than I do. ",
    "I hope you are well. ", "Sorry, one more. ", "We need your help. ", "Prompt: ",
)  # fmt: skip
_AFTER: Final = (
    " Keep it short.", " Be precise.", " Answer in plain text.", " Let me know.", " I'd be grateful.",
    " It's urgent.", " What do you think?", "\n\nKind regards,\nAnna", "\n- Tom", " Looking forward to your answer.",
    " No rush.", " That would be great.", " This is important to me.", " I really need this.", " You're the best.",
    "\nYours, Lee", " Do your best.", " That's all.", " Hope you can help.", " I am new to this.",
    "\n\nBest,\nMaria", " Sent from my phone", " Think carefully.", " I need it by noon.", " Much obliged.",
    "\n--\nJo", " Can you do that?", " Any help is welcome.",
)  # fmt: skip
"""Words around a request; those of `routers.training.robustness` are not among them."""
_EXACT: Final = ("injection/", "pii")
"""Sources whose exact wording is what counts: they get spelling mistakes alone."""


def perturbed(examples: Sequence[Example], *, seed: int, share: float = 1.0) -> list[Example]:
    """The same examples in the same order, a share of them with a preface, a frame, other case or misspellings."""
    rng = random.Random(seed)
    return [
        dataclasses.replace(
            example,
            text=RequestText(
                user=(misspelt if example.source.startswith(_EXACT) else edit)(example.text.user, rng),
                system=example.text.system,
            ),
        )
        if share >= 1.0 or rng.random() < share
        else example
        for example in examples
    ]


def edit(text: str, rng: random.Random) -> str:
    """One or two random edits of a request."""
    kind = rng.randrange(8)
    if kind in (0, 4):
        text = rng.choice(_PREFACES) + _lowered(text, rng)
    if kind in (1, 4):
        text = text + rng.choice(_ENDINGS)
    if kind in (2, 5, 6):
        text = misspelt(text, rng)
    if kind == 3:
        text = text.lower() if rng.random() < 0.7 else text.upper()
    return _framed(text, rng) if kind in (1, 4, 6, 7) else text


def _framed(text: str, rng: random.Random) -> str:
    """A sentence or a half in front, one behind, or both."""
    side = rng.random()
    if side < 0.6:
        text = rng.choice(_BEFORE) + _lowered(text, rng)
    return text + rng.choice(_AFTER) if side > 0.4 else text


def _lowered(text: str, rng: random.Random) -> str:
    return text[:1].lower() + text[1:] if rng.random() < 0.5 else text


def misspelt(text: str, rng: random.Random) -> str:
    """One to three spelling mistakes: letters exchanged, missing, doubled or wrong; the first words more often."""
    for _ in range(rng.randint(1, 3)):
        head = text[:120] if rng.random() < 0.5 else text
        text = (
            rng.choice((typo, missing_letter, _doubled_letter, _wrong_letter))(head, rng) + text[len(head) :]
        )
    return text


def typo(text: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged inside one longer word."""
    at = _inside_a_word(text, rng)
    return text if at is None else text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def missing_letter(text: str, rng: random.Random) -> str:
    """One longer word without one of its inner letters."""
    at = _inside_a_word(text, rng)
    return text if at is None else text[:at] + text[at + 1 :]


def _doubled_letter(text: str, rng: random.Random) -> str:
    at = _inside_a_word(text, rng)
    return text if at is None else text[:at] + text[at] + text[at:]


def _wrong_letter(text: str, rng: random.Random) -> str:
    at = _inside_a_word(text, rng)
    return text if at is None else text[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + text[at + 1 :]


def _inside_a_word(text: str, rng: random.Random) -> int | None:
    """Position of an inner letter of a word of five or more; None when the text has no such word."""
    words = list(re.finditer(r"[a-z]{5,}", text))
    return rng.choice(words).start() + rng.randrange(1, 4) if words else None
