"""The published tables that ship with the package."""

from __future__ import annotations

import pytest

from routers.benchmark.arena import arena_score
from routers.benchmark.published import routellm_table, routerarena_board


@pytest.mark.parametrize(
    ("name", "benchmark", "best"),
    [
        ("gsm8k_public_benchmark", "gsm8k", 0.622),
        ("MT-Bench", "mtbench", 0.802),
        ("mmlu_hidden", "mmlu", 0.603),
    ],
)
def test_tables_are_found_by_the_name_of_the_file(name, benchmark, best) -> None:
    """Each table has the nine rows of the paper, and its best APGR."""
    table = routellm_table(name)
    assert table is not None
    assert table.benchmark == benchmark
    assert len(table.rows) == 9
    assert max(row.apgr for row in table.rows) == best


@pytest.mark.parametrize("name", ["outcomes_mmlu_pro", "outcomes_routerdc", "arena"])
def test_other_benchmarks_have_no_table(name) -> None:
    """MMLU-Pro is not MMLU."""
    assert routellm_table(name) is None


def test_rows_that_saw_labels_of_the_benchmark_are_adapted() -> None:
    """MMLU's augmented rows learnt from MMLU; those of GSM8K and MT-Bench did not."""
    modes = {name: {row.mode for row in routellm_table(name).rows} for name in ("gsm8k", "mtbench", "mmlu")}
    assert modes["gsm8k"] == modes["mtbench"] == {"reference", "zero-shot"}
    assert modes["mmlu"] == {"reference", "zero-shot", "adapted"}


def test_the_same_rows_are_recognised_by_size_and_means() -> None:
    """Shares of one and percents are one thing; other rows or other models are not the paper's."""
    table = routellm_table("gsm8k")
    assert table.matches(1307, 0.63734, 0.85769)
    assert not table.matches(1319, 0.63734, 0.85769)
    assert not table.matches(1307, 0.70, 0.85769)
    assert routellm_table("mtbench").matches(72, 8.28125, 9.2118)


def test_the_score_formula_gives_the_figure_on_the_board() -> None:
    """Accuracy and cost of the entry that states both lead to its score."""
    _, board = routerarena_board()
    full = [entry for entry in board if entry.accuracy is not None and entry.usd_per_1000 is not None]
    assert full
    for entry in full:
        assert arena_score(entry.accuracy, entry.usd_per_1000) == pytest.approx(entry.score, abs=0.05)
