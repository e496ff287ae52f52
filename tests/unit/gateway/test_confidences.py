"""Where graded answers lie, and what a policy makes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from gateway.confidences import Confidences, own_table
from routers.risk import FILE, ConfidenceTable, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from policies.model import Target


def target(model: str, kind: str = "specialist") -> Target:
    """A target of this kind and model."""
    return SimpleNamespace(kind=kind, model=model)  # type: ignore[return-value]  # all that is read of it


def graded(n: int) -> ConfidenceTable:
    """`n` right answers of confidence 0.8."""
    return ConfidenceTable(rows=((0.8, n, 0),))


def test_own_grades_come_before_those_of_the_model(tmp_path: Path):
    """The shipped table serves until a deployment grades answers of its own."""
    known = Confidences(tmp_path)
    assert known.at("mood", target("sentiment"), 0.05, 0.95).rows > 600
    write_table(own_table(tmp_path, "mood"), graded(100))
    found = known.at("mood", target("sentiment"), 0.05, 0.95)
    assert (found.rows, found.threshold, found.released) == (100, 0.0, 100)
    assert known.highest("mood", target("sentiment")) == 0.8
    assert known.at("other", target("sentiment"), 0.05, 0.95).rows > 600


def test_a_model_of_ones_own_brings_its_table(tmp_path: Path):
    """A specialist of gateway.yaml is looked for in its folder alone."""
    (tmp_path / "mine").mkdir()
    known = Confidences(tmp_path, {"sentiment": tmp_path / "mine"})
    assert known.highest("a", target("sentiment")) is None
    write_table(tmp_path / "mine" / FILE, graded(5))
    assert known.highest("a", target("sentiment")) == 0.8


@pytest.mark.parametrize("kind", ["local", "upstream"])
def test_what_reports_no_confidence_has_no_table(tmp_path: Path, kind: str):
    """Also where a file of that name lies."""
    write_table(own_table(tmp_path, "a"), graded(100))
    assert Confidences(tmp_path).at("a", target("sentiment", kind), 0.5, 0.9).threshold is None


def test_a_damaged_table_releases_nothing_and_is_logged(tmp_path: Path, caplog):
    """It is not passed over for another table: somebody meant it to hold."""
    own_table(tmp_path, "a").parent.mkdir()
    own_table(tmp_path, "a").write_text("{")
    assert Confidences(tmp_path).at("a", target("sentiment"), 0.5, 0.9).threshold is None
    assert "a.json" in caplog.text


@pytest.mark.parametrize("name", ["../etc", "a/b", ".hidden", "a\\b", "a\x00b"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str):
    """A target or a model named like a path is no path."""
    assert Confidences(tmp_path).table(name, target(name)) is None
