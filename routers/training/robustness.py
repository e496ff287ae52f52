"""Counts how often an edit that changes nothing changes the answer of the classifier."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from routers.classifier import RequestClassifier
from routers.signals import RequestText
from routers.training.perturb import missing_letter, typo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from routers.training.examples import Example

SAMPLE: Final = 1000
BOUNDARY: Final = 0.5
"""Difficulty at which a policy would change its route."""
_OPTIONS: Final = re.compile(r"\n\(?[A-J][.):] ?[^\n]*")


def flip_rate(
    folder: Path, examples: Sequence[Example], *, size: int = SAMPLE
) -> dict[str, dict[str, float]]:
    """By kind of edit: share of requests whose task, and whose side of `BOUNDARY`, changes."""
    classifier = RequestClassifier.load(folder)
    labelled = [e for e in examples if e.task is not None and len(e.text.user) > 12]
    sample = random.Random(0).sample(labelled, min(size, len(labelled)))
    rates = {}
    for name, edit in EDITS.items():
        rng, tasks, sides, count = random.Random(name), 0, 0, 0
        for example in sample:
            edited = edit(example.text.user, rng)
            if edited == example.text.user:
                continue
            before = classifier.classify(example.text)
            after = classifier.classify(RequestText(user=edited, system=example.text.system))
            count += 1
            tasks += before.task != after.task
            sides += (before.difficulty >= BOUNDARY) != (after.difficulty >= BOUNDARY)
        rates[name] = {"n": count, "task": tasks / max(count, 1), "difficulty": sides / max(count, 1)}
    return rates


def _preface(text: str, rng: random.Random) -> str:
    """A greeting in front."""
    return rng.choice(("Hi, ", "Hello! ", "Please help: ", "Hey, quick question. ")) + text


def _thanks(text: str, rng: random.Random) -> str:
    """Thanks at the end."""
    return text + rng.choice((" Thanks!", " Thank you.", "\n\nThank you in advance!"))


def _new_frame(text: str, rng: random.Random) -> str:
    """Words around the request that are neither trained on nor taken off before reading."""
    before, after = rng.choice(
        (
            ("I was wondering: ", ""),
            ("One more thing. ", ""),
            ("My colleague asks: ", ""),
            ("", " I appreciate it."),
            ("", "\nBest regards, Sam"),
            ("", " Take your time."),
        )
    )
    return before + text + after


def _options(text: str, rng: random.Random) -> str:
    """The answer options in another order."""
    found = _OPTIONS.findall(text)
    bodies = [option.lstrip("\n")[2:] for option in found]
    rng.shuffle(bodies)
    shuffled = iter(bodies)
    return _OPTIONS.sub(lambda match: match[0][:3] + next(shuffled), text) if len(found) > 1 else text


def _spacing(text: str, rng: random.Random) -> str:
    """White space that no reader would notice."""
    return rng.choice((" ", "\n", "")) + text.replace(". ", ".  ") + rng.choice((" ", "\n"))


EDITS: Final[dict[str, Callable[[str, random.Random], str]]] = {
    "typo": typo,
    "preface": _preface,
    "thanks": _thanks,
    "new frame": _new_frame,
    "missing letter": missing_letter,
    "option order": _options,
    "white space": _spacing,
}
