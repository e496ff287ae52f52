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

SHARE: Final = 0.35
"""Share of the training requests of data sets that are edited."""
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
_WRITTEN: Final = ("instruction/", "alone/", "injection/", "pii")
"""Sources whose rows are varied where they are made, or whose exact wording is what counts."""


def perturbed(examples: Sequence[Example], *, seed: int) -> list[Example]:
    """The same examples in the same order, a share of them with a preface, an ending, typos or other case."""
    rng = random.Random(seed)
    return [
        dataclasses.replace(
            example, text=RequestText(user=edit(example.text.user, rng), system=example.text.system)
        )
        if not example.source.startswith(_WRITTEN) and rng.random() < SHARE
        else example
        for example in examples
    ]


def edit(text: str, rng: random.Random) -> str:
    """One or two random edits of a request."""
    kind = rng.randrange(6)
    if kind in (0, 4):
        text = rng.choice(_PREFACES) + (text[:1].lower() + text[1:] if rng.random() < 0.5 else text)
    if kind in (1, 4):
        text = text + rng.choice(_ENDINGS)
    if kind in (2, 5):
        text = typo(typo(text, rng), rng)
    if kind == 3:
        text = text.lower() if rng.random() < 0.7 else text.upper()
    return text


def typo(text: str, rng: random.Random) -> str:
    """Two neighbouring letters exchanged inside one longer word."""
    words = list(re.finditer(r"[a-z]{5,}", text))
    if not words:
        return text
    at = rng.choice(words).start() + rng.randrange(1, 4)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
