"""Texts with marked spans: invented personal data, news and tweets with entities, and requests without either."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from routers.training.examples import Holdout, part_of, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from routers.training.examples import Part

Mark = tuple[int, int, str]
"""Start, end (not included), kind."""

_PHRASINGS: Final = Path(__file__).parent / "span_phrasings.toml"
_OF_PII: Final = {
    "PERSON": "name",
    "ADDRESS": "address",
    "ZIP_CODE": "address",
    "PHONE_NUMBER": "phone",
    "DATE_TIME": "date",
    "AGE": "age",
    "LOCATION": "place",
    "ORGANIZATION": "organisation",
    "US_DRIVER_LICENSE": "id number",
    "US_SSN": "id number",
}
"""Identifiers with a form or checksum are left to their recognisers, titles and nationalities are nobody's secret."""
_OF_ENTITIES: Final = {"PER": "name", "LOC": "place", "ORG": "organisation"}
_PLAIN: Final = ("clinc150", "banking77", "mbpp", "humaneval", "math_l5", "wikisql")
"""Sources of requests that hardly ever name somebody."""
_CLOSING: Final = re.compile(r"[.,;:?!)\]%]|'s|n't")
_COPIES: Final = 6
_LOWERED: Final = 0.15
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


_STREETS: Final = (
    "Mill", "High", "Station", "Church", "Oak", "Baker", "King", "Maple", "Victoria", "Park", "Hill", "Lake", "River",
    "Green", "Elm", "Bridge", "London", "Cedar", "Queen", "Spring", "Garden", "North", "Lincoln", "Rose", "Castle",
)  # fmt: skip
_WAYS: Final = (
    "Lane",
    "Street",
    "Road",
    "Avenue",
    "St",
    "Rd",
    "Ave",
    "Drive",
    "Court",
    "Way",
    "Square",
    "Close",
)


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and its marked spans, sorted."""

    text: str
    marks: tuple[Mark, ...]
    source: str
    part: Part


def marked_texts(
    data: Path, holdout: Holdout, values: Mapping[str, Sequence[str]] | None = None
) -> list[Marked]:
    """Every text that is allowed; the files' own dev rows stay dev.

    `values` has more to fill slots with, by kind.
    """
    personal = list(_personal(data, holdout))
    rng = random.Random("spans")
    pool = _values([m for m in personal if m.part == "train"], values or {})
    copies = [_exchanged(m, pool, rng) for m in personal if m.part == "train" for _ in range(_COPIES)]
    return [
        *personal,
        *copies,
        *_entities(data, holdout),
        *_written(pool, rng),
        *_plain(data, holdout),
    ]


def _personal(data: Path, holdout: Holdout) -> Iterator[Marked]:
    for name in ("train", "dev"):
        for row in read_rows(data / "tasks" / "pii" / f"{name}.jsonl.gz"):
            if row["text"] in holdout:
                continue
            marks = sorted(
                (s["start"], s["end"], _OF_PII[s["label"]]) for s in row["spans"] if s["label"] in _OF_PII
            )
            yield Marked(row["text"], tuple(marks), "pii", _part(row["text"], name))


def _entities(data: Path, holdout: Holdout) -> Iterator[Marked]:
    for name in ("train", "dev"):
        for row in read_rows(data / "tasks" / "ner_open" / f"{name}.jsonl.gz"):
            text, places = joined(row["tokens"])
            if text not in holdout:
                yield Marked(text, marks_of(row["tags"], places), row["source"], _part(text, name))


def _plain(data: Path, holdout: Holdout) -> Iterator[Marked]:
    for row in read_rows(data / "routing" / "domains.jsonl.gz"):
        if row["source"] in _PLAIN and row["prompt"] not in holdout and len(row["prompt"]) < 600:
            # A fifth is enough to learn from; all of it would outweigh the rest.
            part = part_of(row["prompt"])
            if part != "train" or len(row["prompt"]) % 5 == 0:
                yield Marked(row["prompt"], (), row["source"], part)


def _part(text: str, file: str) -> Part:
    part = part_of(text)
    return "dev" if file == "dev" else "train" if part == "dev" else part


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as prose, no space before closing marks, and where each lies."""
    text, places = "", []
    for token in tokens:
        text += "" if not text or _CLOSING.fullmatch(token) or text[-1] in "([" else " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places


def marks_of(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> tuple[Mark, ...]:
    """Marks from tags in BIO; kinds that are not learned are left out."""
    marks: list[Mark] = []
    before = "O"
    for tag, (start, end) in zip(tags, places, strict=True):
        kind = _OF_ENTITIES.get(tag[2:])
        if kind and tag.startswith("I-") and before[2:] == tag[2:]:
            marks[-1] = (marks[-1][0], end, kind)
        elif kind:
            marks.append((start, end, kind))
        before = tag
    return tuple(marks)


def _values(marked: Sequence[Marked], more: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    values = {kind: list(given) for kind, given in more.items()}
    for row in marked:
        for start, end, kind in row.marks:
            values.setdefault(kind, []).append(row.text[start:end])
    return values


def _exchanged(row: Marked, values: Mapping[str, Sequence[str]], rng: random.Random) -> Marked:
    """The text with each span replaced by another of its kind."""
    text, marks, end = "", [], 0
    for start, stop, kind in row.marks:
        text += row.text[end:start]
        value = rng.choice(values[kind])
        marks.append((len(text), len(text) + len(value), kind))
        text, end = text + value, stop
    text += row.text[end:]
    return Marked(_lowered(text, rng), tuple(marks), row.source, row.part)


def _written(values: Mapping[str, Sequence[str]], rng: random.Random) -> Iterator[Marked]:
    parts: tuple[tuple[Part, str, int], ...] = (
        ("train", "train", 60),
        ("calibration", "train", 4),
        ("dev", "dev", 12),
    )
    for part, key, repeats in parts:
        for phrasing in phrasings(key) * repeats:
            yield filled(phrasing, part, values, rng)


def phrasings(key: str) -> list[str]:
    """Sentences with slots: `train` and `dev` for the spans, `requests` for the classifier's flag alone."""
    table: dict[str, Any] = tomllib.loads(_PHRASINGS.read_text(encoding="utf-8"))
    return list(table[key])


def filled(phrasing: str, part: Part, values: Mapping[str, Sequence[str]], rng: random.Random) -> Marked:
    """The sentence with a value in each slot, and which of them are personal, places, firms or dates."""
    text, marks = "", []
    for piece in re.split(r"(\{\w+\})", phrasing):
        if not piece.startswith("{"):
            text += piece
            continue
        kind, value = _value(piece[1:-1], values, rng)
        if kind:
            marks.append((len(text), len(text) + len(value), kind))
        text += value
    return Marked(_lowered(text, rng), tuple(marks), "written", part)


def _lowered(text: str, rng: random.Random) -> str:
    """Now and then the text in lower case, unless that makes a letter two: then places would no longer hold."""
    lower = text.lower()
    return lower if rng.random() < _LOWERED and len(lower) == len(text) else text


def _value(slot: str, values: Mapping[str, Sequence[str]], rng: random.Random) -> tuple[str | None, str]:
    """Kind and value of a slot; the kind is None for what is not marked."""
    digits = "".join(rng.choices("0123456789", k=12))
    made = {
        "birth": ("birth date", _date(rng, rng.randint(1925, 2012))),
        "date": ("date", _date(rng, rng.randint(1995, 2030))),
        "phone": ("phone", _telephone(digits, rng)),
        "number": ("id number", rng.choice("ABCDEFGHX ").strip() + digits[: rng.randint(6, 11)]),
        "count": (None, str(rng.randint(1, 3000))),
        "amount": (None, rng.choice(("${}.{}", "{}.{} EUR", "£{},{}00")).format(digits[:3], digits[4:6])),
        "code": (None, rng.choice(("{}-{}", "#{}{}", "3.{}.{}", "LH{}{}")).format(digits[:2], digits[2:4])),
        "time": (None, f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}"),
    }
    if slot == "address" and rng.random() < 0.5:
        return slot, _address(digits, rng.choice(values["place"]), rng)
    if slot in made:
        return made[slot]
    kind = {"firm": "organisation"}.get(slot, slot)
    return kind, rng.choice(values[kind])


def _address(d: str, place: str, rng: random.Random) -> str:
    street, number = f"{rng.choice(_STREETS)} {rng.choice(_WAYS)}", str(int(d[:3]) or 1)
    postcode = rng.choice(
        (
            d[3:8],
            f"{rng.choice('LSEW')}{rng.choice('SEWN')}{d[3]} {d[4]}{rng.choice('ABT')}{rng.choice('ABDE')}",
        )
    )
    return rng.choice(
        (
            f"{number} {street}", f"{number} {street}, {place}", f"{number} {street}, {place}, {postcode}",
            f"{number} {street}, {place} {postcode}", f"{number} {street}\n{place} {postcode}",
            f"{rng.choice(_STREETS)}strasse {number}, {postcode} {place}", f"Flat {d[3]}, {number} {street}, {place}",
        )
    )  # fmt: skip


def _date(rng: random.Random, year: int) -> str:
    month, day = rng.randint(1, 12), rng.randint(1, 28)
    name = _MONTHS[month - 1]
    return rng.choice(
        (
            f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02}-{day:02}", f"{day}.{month}.{year}",
            f"{day:02}/{month:02}/{year}", f"{month}/{day}/{year % 100:02}", f"{day}th of {name} {year}",
            f"{name[:3]} {day} {year}",
        )
    )  # fmt: skip


def _telephone(d: str, rng: random.Random) -> str:
    return rng.choice(
        (
            f"+{d[:2]} {d[2:5]} {d[5:8]} {d[8:]}", f"0{d[:3]} {d[3:7]} {d[7:10]}", f"({d[:3]}) {d[3:6]}-{d[6:10]}",
            f"{d[:3]}-{d[3:6]}-{d[6:10]}", f"0{d[:2]}-{d[2:9]}", f"{d[:3]} {d[3:5]} {d[5:7]} {d[7:9]}",
            f"+{d[:1]} {d[1:4]}-{d[4:7]}-{d[7:11]}", f"{d[:9]}",
        )
    )  # fmt: skip
