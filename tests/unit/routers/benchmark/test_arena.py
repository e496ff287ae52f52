"""RouterArena's score from rows by query."""

from __future__ import annotations

import pytest

from routers.benchmark.arena import arena_score, read_arena
from routers.benchmark.errors import BenchmarkError


def test_the_ends_of_the_scale() -> None:
    """The cheapest cost, and a free one, leave a fully right router at 100; the dearest gives 0."""
    assert arena_score(100, 0.0044) == pytest.approx(100)
    assert arena_score(100, 0) == pytest.approx(100)
    assert arena_score(100, 200) == 0
    assert arena_score(100, 500) == 0
    assert arena_score(0, 200) == 0


def test_rows_are_pooled_by_router_and_ranked(tmp_path) -> None:
    """Accuracy is the mean, cost that of 1,000 queries."""
    file = tmp_path / "mine.csv"
    file.write_text("router,accuracy,cost_usd\ncheap,1,0.0001\ncheap,0.7,0.0003\ndear,1,0.02\ndear,1,0.02\n")
    first, second = read_arena(file)
    assert (first.router, first.queries, first.accuracy) == ("cheap", 2, 85.0)
    assert first.usd_per_1000 == pytest.approx(0.2)
    assert first.score == pytest.approx(arena_score(85, 0.2))
    assert second.router == "dear"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"accuracy": 76, "cost_usd": 0.1}', "lies in 0-1"),
        ('{"accuracy": 1, "cost_usd": -1}', "lies in 0-1"),
        ('{"accuracy": 1}', "row 1 needs numbers"),
        ("", "no rows"),
    ],
)
def test_other_units_are_refused(tmp_path, row, message) -> None:
    """A percentage or a missing cost is named, not guessed at."""
    file = tmp_path / "mine.jsonl"
    file.write_text(row)
    with pytest.raises(BenchmarkError, match=message):
        read_arena(file)
