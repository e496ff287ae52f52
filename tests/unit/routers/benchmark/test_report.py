"""What is measured, put together."""

from __future__ import annotations

import numpy as np
import pytest

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.plot import save_plot
from routers.benchmark.report import LENGTH, Prices, Scored, measure
from tests.unit.routers.benchmark.build import benchmark


@pytest.fixture
def small():
    generator = np.random.default_rng(0)
    weak = (generator.random(120) < 0.5).astype(float)
    strong = (generator.random(120) < 0.9).astype(float)
    prompts = ["x" * int(length) for length in generator.integers(1, 50, 120)]
    return benchmark(weak, strong, prompts=prompts)


def test_yardsticks_stand_beside_the_router(small) -> None:
    """Random, length and oracle are always there, the oracle first by APGR, length compared with itself by none."""
    report = measure(small, [Scored("mine", "zero-shot", small.gain)], prices=None, draws=200, seed=0)
    lines = {line.name: line for line in report.lines}
    assert list(lines) == ["random", LENGTH, "mine", "oracle"]
    assert lines["random"].apgr.value == 0.5
    assert lines["random"].calls.cpt80.value == pytest.approx(0.8)
    assert lines["mine"].apgr == lines["oracle"].apgr
    assert lines[LENGTH].over_length is None
    difference = lines["oracle"].apgr.value - lines[LENGTH].apgr.value
    assert lines["oracle"].over_length.value == pytest.approx(difference)
    assert lines["oracle"].calls.saved95 is None
    for line in report.lines:
        for estimate in (line.apgr, line.calls.cpt50, line.calls.cpt80, line.calls.share95):
            assert estimate.low <= estimate.value <= estimate.high


def test_cost_saved_follows_from_the_calls_at_that_quality() -> None:
    """With weak right on 9 of 10 rows and strong on all, one half of the gap is 95 % of strong."""
    small = benchmark([1] * 90 + [0] * 10, [1] * 100)
    scored = Scored("mine", "zero-shot", np.arange(100.0))
    report = measure(small, [scored], prices=Prices(weak=1, strong=10), draws=200, seed=0)
    calls = {line.name: line.calls for line in report.lines}
    assert calls["mine"].share95.value == pytest.approx(0.05)
    assert calls["mine"].saved95.value == pytest.approx(0.95 * 0.9)
    assert calls["random"].share95.value == pytest.approx(0.5)
    assert calls["random"].saved95.value == pytest.approx(0.5 * 0.9)
    for name in ("mine", "random"):
        saved = calls[name].saved95
        assert saved.low < saved.value < saved.high


def test_a_weak_model_that_is_good_enough_needs_no_strong_call() -> None:
    """Where weak alone has 95 % of strong's quality, the share of calls is 0."""
    small = benchmark([1] * 97 + [0] * 3, [1] * 100)
    report = measure(small, [], prices=None, draws=200, seed=0)
    assert all(line.calls.share95.value == 0 for line in report.lines)


def test_a_strong_model_that_is_not_better_is_refused() -> None:
    """The error shows both means."""
    with pytest.raises(BenchmarkError, match=r"`strong` \(0.5\) is not better than `weak` \(1\)"):
        measure(benchmark([1, 1], [0, 1]), [], prices=None, draws=100, seed=0)


def test_a_score_that_is_not_a_number_names_the_router(small) -> None:
    """The error says whose score it is."""
    scores = np.full(120, np.nan)
    with pytest.raises(BenchmarkError, match="mine: the score of row 1"):
        measure(small, [Scored("mine", "zero-shot", scores)], prices=None, draws=100, seed=0)


def test_the_plot_is_a_png(small, tmp_path) -> None:
    """One picture, with a second panel where a router is adapted; an impossible path is our error."""
    pytest.importorskip("matplotlib")
    report = measure(small, [Scored("mine", "adapted", small.gain)], prices=None, draws=100, seed=0)
    save_plot(report, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BenchmarkError, match="cannot write"):
        save_plot(report, tmp_path / "absent" / "curves.png")
