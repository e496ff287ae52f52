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
_FRAMES: Final = (
    "Could you please {}",
    "Can you {}",
    "I would like you to {}",
    "Your task: {}",
    "Here is what I need: {}",
    "{} Keep it short.",
    "{} Be precise.",
    "{} Answer in plain text.",
)
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
    if kind in (6, 7):
        text = rng.choice(_FRAMES).format(_lowered(text, rng))
    return text


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
