"""Training examples, their identity, and which part of the data each belongs to."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from routers.signals import RequestText

Part = Literal["train", "calibration", "dev"]
PARTS: Final[tuple[Part, ...]] = ("train", "calibration", "dev")

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]")
_FIRST_OPTION: Final = re.compile(r"\n(?=A[.)])")


@dataclass(frozen=True, slots=True)
class Example:
    """One request with the labels that its source gives; None where the source says nothing."""

    text: RequestText
    source: str
    part: Part
    task: str | None = None
    domain: str | None = None
    pii: bool | None = None
    injection: bool | None = None
    outcomes: Mapping[str, float] = field(default_factory=dict)
    """Model name -> share of acceptable answers."""


def normalise(text: str) -> str:
    """Lower case, letters and digits of ASCII only: texts that agree in this count as one."""
    return _NOT_ALPHANUMERIC.sub("", text.lower())


def stem(text: str) -> str:
    """The text before its first answer option."""
    return _FIRST_OPTION.split(text, maxsplit=1)[0]


def fingerprint(text: str) -> str:
    """SHA-1 of the normalised text; a text without ASCII letters keeps its own identity."""
    return hashlib.sha1((normalise(text) or text).encode(), usedforsecurity=False).hexdigest()


def part_of(text: str) -> Part:
    """Split by the hash of the normalised stem, so that equal texts of any files fall into one part.

    80 % train, 10 % calibration, 10 % dev.
    """
    bucket = int(fingerprint(stem(text))[:8], 16) % 100
    if bucket < 80:
        return "train"
    return "calibration" if bucket < 90 else "dev"


@dataclass(frozen=True, slots=True)
class Holdout:
    """Digests of texts that must never be trained on."""

    digests: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> Holdout:
        """One hexadecimal SHA-1 a line, gzip."""
        with gzip.open(path, "rt", encoding="ascii") as lines:
            return cls(frozenset(line.strip() for line in lines))

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        digests = (
            hashlib.sha1(normalise(t).encode(), usedforsecurity=False).hexdigest() for t in (text, stem(text))
        )
        return any(digest in self.digests for digest in digests)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a gzip JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def of_part(examples: Iterable[Example], part: Part) -> list[Example]:
    """The examples of one part, in order."""
    return [example for example in examples if example.part == part]
