"""RouterArena's score: one number for accuracy and cost over a set of queries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.files import read_rows, stem

if TYPE_CHECKING:
    from pathlib import Path

DEAREST_USD: Final = 200.0
CHEAPEST_USD: Final = 0.0044
"""Cost of 1,000 queries at which the cost term is 0 and 100: the dearest and cheapest models of the board."""
_COST_WEIGHT: Final = 0.1


@dataclass(frozen=True, slots=True)
class ArenaScore:
    """One router on one set of queries; accuracy and score in percent."""

    router: str
    queries: int
    accuracy: float
    usd_per_1000: float
    score: float


def arena_score(accuracy: float, usd_per_1000: float) -> float:
    """Weighted harmonic mean of `accuracy`, in percent, and of cost on a logarithmic scale; 0-100.

    RouterArena: 1.1 A C / (0.1 A + C), with C = 100 (log2 200 - log2 cost) / (log2 200 - log2 0.0044) cut to
    0-100 and the cost in dollars for 1,000 queries.
    """
    cost = max(usd_per_1000, CHEAPEST_USD)
    cheapness = 100 * (math.log2(DEAREST_USD) - math.log2(cost)) / math.log2(DEAREST_USD / CHEAPEST_USD)
    cheapness = max(cheapness, 0.0)
    weighted = _COST_WEIGHT * accuracy + cheapness
    return (1 + _COST_WEIGHT) * accuracy * cheapness / weighted if weighted else 0.0


def read_arena(file: Path) -> list[ArenaScore]:
    """Scores from one row a query with `accuracy` (0-1), `cost_usd` and perhaps `router`. Raises `BenchmarkError`.

    The best router comes first.
    """
    queries: dict[str, list[tuple[float, float]]] = {}
    for place, row in enumerate(read_rows(file), start=1):
        name = str(row.get("router") or stem(file))
        queries.setdefault(name, []).append(_query(row, f"{file} row {place}"))
    if not queries:
        raise BenchmarkError(f"{file} holds no rows")
    scores = []
    for name, rows in queries.items():
        accuracy = 100 * sum(right for right, _ in rows) / len(rows)
        cost = 1000 * sum(usd for _, usd in rows) / len(rows)
        scores.append(ArenaScore(name, len(rows), accuracy, cost, arena_score(accuracy, cost)))
    return sorted(scores, key=lambda score: -score.score)


def _query(row: dict[str, Any], place: str) -> tuple[float, float]:
    try:
        accuracy, cost = float(row["accuracy"]), float(row["cost_usd"])
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{place} needs numbers as `accuracy` and `cost_usd`") from error
    if not 0 <= accuracy <= 1 or not 0 <= cost < math.inf:
        raise BenchmarkError(f"{place}: `accuracy` lies in 0-1 and `cost_usd` is the price of this one query")
    return accuracy, cost
