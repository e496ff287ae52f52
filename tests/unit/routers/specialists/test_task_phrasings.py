"""The suite of phrasings for every kind of text specialist: how many are answered, and how many wrongly."""

from __future__ import annotations

import pytest

from routers.specialists.base import Task
from routers.specialists.contract import read_task
from tests.unit.routers.specialists.task_phrasings import DECOYS, HONEST, LABELS, Ask, card_of

MOST_ERRORS, LEAST_COVERAGE = 0.03, 0.60


def read(ask: Ask) -> tuple[str, tuple[str, ...]] | None:
    """Return payload and wordings in the order of the labels, or None for a decline."""
    found = read_task(ask.body(), card_of(ask.task), named=ask.named)
    if not isinstance(found, Task):
        return None
    words = tuple(found.words[label] for label in LABELS[ask.task])
    if ask.options.get("response_format"):
        words = tuple(word.split(": ")[1].strip('"}') for word in words)
    return found.payload, words


@pytest.mark.parametrize("ask", HONEST, ids=lambda ask: f"{ask.task}: {ask.prompt[:50]}")
def test_never_misreads(ask: Ask) -> None:
    """A request is read exactly, payload and wording, or handed on; nothing in between."""
    assert read(ask) in (None, (ask.payload, ask.words))


@pytest.mark.parametrize("ask", DECOYS, ids=lambda ask: f"{ask.task}: {ask.prompt[:50]}")
def test_hands_on_what_is_another_task(ask: Ask) -> None:
    """Other labels, further wishes, several texts and look-alikes are left to another model."""
    assert read(ask) is None


def test_covers_most_of_what_it_could_answer() -> None:
    """Of honest requests at least 60 % are answered, and of all that are answered at most 3 % wrongly."""
    assert len(HONEST) + len(DECOYS) >= 120
    right = sum(read(ask) == (ask.payload, ask.words) for ask in HONEST)
    answered = sum(read(ask) is not None for ask in (*HONEST, *DECOYS))
    report = f"{right} of {len(HONEST)} honest requests read, {answered - right} of {answered} answers wrong"
    assert right / len(HONEST) >= LEAST_COVERAGE, report
    assert (answered - right) / answered <= MOST_ERRORS, report
