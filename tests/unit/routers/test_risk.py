"""A bound on the risk: exact arithmetic, the file, and what happens over many draws."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import pytest

from routers.risk import (
    FILE,
    ConfidenceTable,
    ConfidenceTableError,
    control,
    fewest_rows,
    most_wrong,
    read_table,
    write_table,
)
from routers.specialists.registry import SHIPPED_DIR, shipped

if TYPE_CHECKING:
    from pathlib import Path

TABLE = ConfidenceTable(rows=((0.9, 58, 0), (0.8, 0, 1), (0.7, 40, 1), (0.6, 0, 10)))


def exact_most_wrong(n: int, risk: Fraction, level: Fraction) -> int | None:
    """The definition in whole numbers, without rounding."""
    below, found = Fraction(0), None
    for k in range(n):
        below += comb(n, k) * risk**k * (1 - risk) ** (n - k)
        if below > 1 - level:
            break
        found = k
    return found


@pytest.mark.parametrize("n", [1, 58, 59, 149, 400])
@pytest.mark.parametrize("risk", [Fraction(1, 100), Fraction(1, 20), Fraction(1, 2)])
@pytest.mark.parametrize("level", [Fraction(9, 10), Fraction(95, 100)])
def test_the_number_of_wrong_answers_is_that_of_the_binomial_distribution(n, risk, level):
    """Floating point gives what exact fractions give."""
    assert most_wrong(n, float(risk), float(level)) == exact_most_wrong(n, risk, level)


@pytest.mark.parametrize(("risk", "level"), [(0.05, 0.95), (0.02, 0.95), (0.01, 0.9), (0.3, 0.5)])
def test_one_row_less_shows_nothing(risk, level):
    """The fewest rows are just enough for no wrong answer at all."""
    n = fewest_rows(risk, level)
    assert most_wrong(n, risk, level) == 0
    assert most_wrong(n - 1, risk, level) is None


def test_too_few_rows_release_nothing_and_say_how_many_it_takes():
    """41 rows that are all right do not show that 1 in 100 at most is wrong."""
    found = control(ConfidenceTable(rows=((1.0, 41, 0),)), 0.01, 0.95)
    assert (found.threshold, found.n, found.needed) == (None, 41, 299)


def test_the_threshold_lies_just_above_the_first_answer_too_many():
    """Of 110 rows two may be wrong at a risk of 0.06: the third wrong one, and all as sure as it, stay out."""
    assert most_wrong(TABLE.n, 0.06, 0.95) == 2
    found = control(TABLE, 0.06, 0.95)
    assert (found.threshold, found.released, found.wrong) == (0.6001, 100, 2)


def test_a_model_that_is_seldom_wrong_is_released_whole():
    """Where all wrong answers together are few enough there is no threshold to set."""
    assert control(TABLE, 0.3, 0.95).threshold == 0.0


def test_a_model_that_is_wrong_where_it_is_surest_is_never_released():
    """No confidence lies above 1."""
    assert control(ConfidenceTable(rows=((1.0, 50, 50),)), 0.05, 0.95).threshold is None


def test_confidences_are_rounded_down_to_the_grid():
    """So a threshold on the grid parts answers as it parts the table."""
    values = [0.90019999, 0.9002, 0.90020001, 0.3, 0.1 + 0.2, 1.0, 0.0]
    table = ConfidenceTable.of((value, True) for value in values)
    assert [row[0] for row in table.rows] == [1.0, 0.9002, 0.9001, 0.3, 0.0]
    for step in (3000, 9001, 9002, 10_000):
        kept = sum(right for confidence, right, _ in table.rows if confidence >= step / 10_000)
        assert kept == sum(value >= step / 10_000 for value in values)


def test_a_table_is_read_as_it_was_written(tmp_path: Path):
    """The file gives the same table back; without a file there is none."""
    table = ConfidenceTable.of([(0.5, True), (0.5, False), (0.25, True)], 'rows, "typed"')
    write_table(tmp_path / FILE, table)
    assert read_table(tmp_path / FILE) == table
    assert read_table(tmp_path / "other.json") is None


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "file"),
        ('{"format": 2, "rows": [[1, 1, 0]]}', "format"),
        ('{"rows": [[0.5, 1, 0], [0.6, 1, 0]]}', "must fall"),
        ('{"rows": [[0.5, 0, 0]]}', "no row counts"),
        ('{"rows": [[0.5, -1, 0]]}', "rows.0.1"),
        ('{"rows": []}', "rows"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, text: str, where: str):
    """The message names the file and the place in it."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfidenceTableError, match=where):
        read_table(tmp_path / FILE)


@pytest.mark.parametrize("confidence", [1.01, -0.1, float("nan")])
def test_what_is_no_confidence_is_refused(confidence: float):
    """A percentage or a logit would bring forth thresholds that mean nothing."""
    with pytest.raises(ValueError, match="no confidence"):
        ConfidenceTable.of([(confidence, True)])


def test_shipped_specialists_bring_their_calibration_rows():
    """Each that labels a whole text has a table of some hundred rows, so that common risks can be shown."""
    cards = [card for card in shipped().values() if card.kind == "text-classification"]
    assert cards
    for card in cards:
        table = read_table(SHIPPED_DIR / card.name / FILE)
        assert table is not None, card.name
        assert table.n > fewest_rows(0.05, 0.95), card.name


def draws(rng: np.random.Generator, n: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each answer is right: with the probability it claims, less `shift`."""
    confidence = rng.beta(6, 1.2, n)
    return confidence, rng.random(n) < confidence - shift


def realised(threshold: float | None, confidence: np.ndarray, right: np.ndarray) -> float:
    """Share of requests with an answer that is released and wrong."""
    return 0.0 if threshold is None else float(((confidence >= threshold) & ~right).mean())


def simulated(*, shift: float, rounds: int = 400, n: int = 300, risk: float = 0.05) -> tuple[float, float]:
    """Share of the draws in which the true risk exceeds `risk`, and the mean risk; `shift` sets in after grading."""
    rng = np.random.default_rng(7)
    later = draws(rng, 200_000, shift=shift)
    risks = []
    for _ in range(rounds):
        confidence, right = draws(rng, n)
        table = ConfidenceTable.of(zip(confidence.tolist(), right.tolist(), strict=True))
        risks.append(realised(control(table, risk, 0.95).threshold, *later))
    return float(np.mean(np.array(risks) > risk)), float(np.mean(risks))


def test_the_risk_holds_in_nineteen_of_twenty_draws():
    """Over many draws of graded answers the true risk exceeds the bound in at most 5 of 100, within noise."""
    exceeded, mean = simulated(shift=0.0)
    assert exceeded <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
    assert 0.02 < mean < 0.05, "the bound is not met by releasing nothing"


def test_the_risk_does_not_hold_when_requests_change():
    """If later requests are harder at the same confidence, the promise breaks: it rests on like requests alone."""
    exceeded, mean = simulated(shift=0.1)
    assert exceeded > 0.9
    assert mean > 0.05
