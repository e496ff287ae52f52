"""Small invented requests of two kinds, and files of grades for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from routers.graded import Graded
from routers.signals import RequestText

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DISHES = (
    "bread",
    "soup",
    "pancakes",
    "risotto",
    "apple pie",
    "dumplings",
    "curry",
    "salad",
    "noodles",
    "stew",
)
AREAS = (
    "tenancy",
    "contract",
    "customs",
    "patent",
    "tax",
    "labour",
    "family",
    "maritime",
    "traffic",
    "probate",
)
ASKED = (
    "How long does {} take on day {}?",
    "What do I need to know about {} number {}?",
    "Explain {} in {} short steps.",
    "Who first wrote about {} before the year 19{:02d}?",
)


def cooking(count: int) -> list[str]:
    """Different questions about the kitchen."""
    return _asked(tuple(f"cooking {dish}" for dish in DISHES), count)


def law(count: int) -> list[str]:
    """Different questions about law."""
    return _asked(tuple(f"{area} law" for area in AREAS), count)


def _asked(subjects: tuple[str, ...], count: int) -> list[str]:
    return [
        ASKED[i % len(ASKED)].format(subjects[i // len(ASKED) % len(subjects)], i // 40 + 10)
        for i in range(count)
    ]


def graded(prompts: Iterable[str], grades: Iterable[float], name: str = "mine") -> list[Graded]:
    """Rows with one grade each."""
    return [Graded(RequestText(user=p), {name: float(g)}) for p, g in zip(prompts, grades, strict=True)]


def drawn(probabilities: Iterable[float], seed: int = 0) -> list[float]:
    """Right or wrong by chance, with these probabilities."""
    p = np.array(list(probabilities))
    return [float(value) for value in np.random.default_rng(seed).random(len(p)) < p]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
