"""Figures that others published, to print beside ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, Literal

Mode = Literal["reference", "zero-shot", "adapted"]
"""`reference` rows are yardsticks, `adapted` ones saw labels of the benchmark, `zero-shot` ones did not."""

_NAMES: Final = ("gsm8k", "mtbench", "mmlu")


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One router of a published table. CPT in percent of calls; `spread` is the paper's own ± by column."""

    router: str
    training: str
    mode: Mode
    cpt50: float
    cpt80: float
    apgr: float
    spread: dict[str, float]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table, and what it was measured on."""

    benchmark: str
    source: str
    weak_model: str
    strong_model: str
    prompts: int
    weak: float
    strong: float
    """Mean outcomes in the paper's unit: percent right, or points of ten."""
    rows: tuple[PublishedRow, ...]

    def matches(self, prompts: int, weak: float, strong: float) -> bool:
        """Whether mean outcomes like these, as shares or in the paper's unit, are of the same rows and models."""
        scale = 100.0 if self.strong > 10 and strong <= 1 else 1.0
        means = ((weak, self.weak), (strong, self.strong))
        return prompts == self.prompts and all(abs(scale * own - paper) < 0.01 for own, paper in means)


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """One system on the RouterArena board; score and accuracy in percent, cost in dollars per 1,000 queries."""

    system: str
    score: float
    accuracy: float | None
    usd_per_1000: float | None


def routellm_table(name: str) -> PublishedTable | None:
    """RouteLLM's table for the benchmark that a file called `name` holds, None for another one."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    found = next((known for known in _NAMES if known in plain and "mmlupro" not in plain), None)
    if found is None:
        return None
    data = _data()["routellm"]
    entry = data["benchmarks"][found]
    rows = tuple(PublishedRow(**{"spread": {}, **row}) for row in entry.pop("rows"))
    models = {"weak_model": data["weak_model"], "strong_model": data["strong_model"]}
    return PublishedTable(benchmark=found, source=data["source"], rows=rows, **models, **entry)


def routerarena_board() -> tuple[str, tuple[BoardEntry, ...]]:
    """Where the board's figures are from, and the figures."""
    data = _data()["routerarena"]
    return data["source"], tuple(BoardEntry(**row) for row in data["rows"])


def _data() -> dict[str, Any]:
    text = resources.files("routers.benchmark").joinpath("published.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
