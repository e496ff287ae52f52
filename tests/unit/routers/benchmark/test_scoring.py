"""Scores by our classifier, and those that others bring in a file."""

from __future__ import annotations

import numpy as np
import pytest

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.files import read_benchmark
from routers.benchmark.scoring import difficulty_scores, gain_scores, read_scores, signals_of, vectors_of
from routers.signals import RequestText, Signals


class LengthClassifier:
    """A classifier that knows only how long a text is."""

    abilities = ("small", "large")

    def classify(self, text: RequestText) -> Signals:
        """Longer is harder, and the large model is never wrong."""
        hard = len(text.user) / 100
        return Signals(
            task="chat",
            task_confidence=1.0,
            domain="other",
            domain_confidence=1.0,
            difficulty=hard,
            success={"small": 1 - hard, "large": 1.0},
            pii=0.0,
            injection=0.0,
            language="en",
            tokens=1,
        )


class EncodingClassifier(LengthClassifier):
    """One that shows its vector, and another one by the older name."""

    def inputs(self, text: RequestText) -> np.ndarray:
        """Length and a constant."""
        return np.array([len(text.user), 1.0], dtype=np.float32)

    def embed(self, text: RequestText) -> np.ndarray:
        """What must not be used when there is `inputs`."""
        return np.zeros(3, dtype=np.float32)


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "small.jsonl"
    file.write_text(
        '{"id": "a", "prompt": "x", "w": 0, "s": 1}\n'
        '{"id": "b", "prompt": "xx", "w": 0, "s": 1, "contaminated": true}\n'
        '{"id": "c", "prompt": "xxx", "w": 1, "s": 1}\n'
    )
    return read_benchmark([file])


def test_difficulty_and_expected_gain_come_from_the_signals() -> None:
    """The gain is the difference of the two named success probabilities."""
    signals = signals_of(LengthClassifier(), ["x" * 10, "x" * 40])
    assert difficulty_scores(signals).tolist() == [0.1, 0.4]
    assert gain_scores(signals, "small", "large") == pytest.approx([0.1, 0.4])
    with pytest.raises(BenchmarkError, match="no ability vector `huge`; it has: large, small"):
        gain_scores(signals, "small", "huge")


def test_the_vector_that_the_heads_read_is_preferred() -> None:
    """`inputs` wins over `embed`; a classifier with neither cannot be adapted."""
    assert vectors_of(EncodingClassifier(), ["xx", "xxx"]).tolist() == [[2.0, 1.0], [3.0, 1.0]]
    with pytest.raises(BenchmarkError, match="shows no vector"):
        vectors_of(LengthClassifier(), ["xx"])


def test_numbers_stand_for_all_rows_or_for_those_kept(small, tmp_path) -> None:
    """A score for a row that was left out is skipped; any other count is an error."""
    file = tmp_path / "other.txt"
    file.write_text("0.1\n0.2\n0.3\n")
    assert read_scores(file, small).tolist() == [0.1, 0.3]
    file.write_text("0.1\n0.3\n")
    assert read_scores(file, small).tolist() == [0.1, 0.3]
    file.write_text("0.1\n")
    with pytest.raises(BenchmarkError, match=r"1 scores for 3 rows \(2 of them kept\)"):
        read_scores(file, small)


def test_rows_of_scores_are_joined_by_id(small, tmp_path) -> None:
    """Order does not matter, and a row without a score is named."""
    file = tmp_path / "other.jsonl"
    file.write_text('{"id": "c", "score": 3}\n{"id": "a", "score": 1}\n')
    assert read_scores(file, small).tolist() == [1.0, 3.0]
    file.write_text('{"id": "c", "score": 3}\n')
    with pytest.raises(BenchmarkError, match="no score for 1 rows, the first of them `a`"):
        read_scores(file, small)
    file.write_text('{"id": "c"}\n')
    with pytest.raises(BenchmarkError, match="row 1 lacks"):
        read_scores(file, small)
