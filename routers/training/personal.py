"""Requests that hold personal data, and others of their kind that do not, for the flag of the request classifier."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from routers.signals import RequestText
from routers.training.examples import Example, Holdout, part_of, read_rows
from routers.training.span_examples import Marked, filled, phrasings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_PERSONAL: Final = frozenset(
    (
        "PERSON",
        "ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "EMAIL_ADDRESS",
        "IP_ADDRESS",
        "IBAN_CODE",
        "US_DRIVER_LICENSE",
        "US_SSN",
        "ZIP_CODE",
    )
)
_PERSONAL_KINDS: Final = frozenset(("name", "address", "phone", "id number", "birth date"))
_SLOTS: Final = {"PERSON": "name", "ADDRESS": "address", "LOCATION": "place", "ORGANIZATION": "organisation"}
_LOWERED: Final = 0.1


def is_personal(labels: set[str]) -> bool | None:
    """Whether marked spans of these labels are somebody's data.

    None for places, firms and dates alone, which are neither clearly personal nor clearly not.
    """
    return bool(labels & _PERSONAL) if labels & _PERSONAL or not labels else None


def labels_of(row: Mapping[str, Any]) -> set[str]:
    """The labels of a row of the personal data files."""
    return {span["label"] for span in row["spans"]}


def pii_examples(data: Path, holdout: Holdout, *, copies: int, written: int) -> Iterator[Example]:
    """Sentences with invented personal data: of the files, those of training also with their values exchanged
    `copies` times, and of our own phrasings, each filled `written` times.

    Sentences of the training file that fall into dev are the payloads of dev instructions, and left out here.
    """
    rng = random.Random("pii")
    rows = {name: list(read_rows(data / "tasks" / "pii" / f"{name}.jsonl.gz")) for name in ("train", "dev")}
    values = _values(rows["train"])
    for name, part_rows in rows.items():
        for row in part_rows:
            part = "dev" if name == "dev" else part_of(row["text"])
            personal = is_personal(labels_of(row))
            if row["text"] in holdout or personal is None or (name == "train" and part == "dev"):
                continue
            texts = [row["text"]]
            if part == "train":
                texts += [_exchanged(row, values, rng) for _ in range(copies)]
            for text in texts:
                yield Example(
                    text=RequestText(user=text), source="pii", part=part, pii=personal, injection=False
                )
    yield from _written({slot: values[label] for label, slot in _SLOTS.items()}, written)


def _values(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for row in rows:
        for span in row["spans"]:
            values.setdefault(span["label"], []).append(row["text"][span["start"] : span["end"]])
    return values


def _exchanged(row: Mapping[str, Any], values: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """The sentence with each marked span replaced by another value of its kind."""
    text: str = row["text"]
    for span in sorted(row["spans"], key=lambda s: -s["start"]):
        text = text[: span["start"]] + rng.choice(values[span["label"]]) + text[span["end"] :]
    return text


def _written(values: Mapping[str, Sequence[str]], repeats: int) -> Iterator[Example]:
    rng = random.Random("pii/written")
    for phrasing in [*phrasings("train"), *phrasings("requests")] * repeats:
        marked = filled(phrasing, "train", values, rng)
        personal = _is_marked_personal(marked)
        if personal is not None:
            text = marked.text.lower() if rng.random() < _LOWERED else marked.text
            yield Example(
                text=RequestText(user=text), source="pii/written", part="train", pii=personal, injection=False
            )


def _is_marked_personal(marked: Marked) -> bool | None:
    """As `is_personal`, of the kinds of the span finder."""
    kinds = {kind for _, _, kind in marked.marks}
    return bool(kinds & _PERSONAL_KINDS) if kinds & _PERSONAL_KINDS or not kinds else None
