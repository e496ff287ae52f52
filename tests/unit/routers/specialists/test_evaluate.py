"""Measuring specialists on files, with a tiny encoder."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from routers.specialists.evaluate import Metric, evaluate, read_rows
from routers.specialists.registry import SpecialistError
from routers.specialists.text import TextSpecialist
from routers.specialists.tokens import TokenSpecialist, answer_mixed, load_specialist
from tests.unit.routers.specialists.tiny import WORDS, tiny_encoder, tiny_finder, tiny_specialist

if TYPE_CHECKING:
    from pathlib import Path

    from routers.specialists.tokens import Specialist

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextSpecialist, TokenSpecialist]:
    """A text classifier and an entity finder on one tiny encoder."""
    folder = tmp_path_factory.mktemp("tiny")
    base = tiny_encoder(folder / "base")
    first = load_specialist(tiny_specialist(folder / "texts", base, "texts", seed=1), base)
    second = load_specialist(
        tiny_finder(folder / "finder", base, "finder", seed=2), base, encoder=first.encoder
    )
    assert isinstance(first, TextSpecialist)
    assert isinstance(second, TokenSpecialist)
    return first, second


def rows_of(rows: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(rows, 1))


def test_reads_gzipped_lines(tmp_path: Path) -> None:
    """Rows keep their line numbers; blank lines do not count as rows."""
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n\n{"text": "b"}\n'))
    assert read_rows(path) == [(1, {"text": "a"}), (3, {"text": "b"})]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]\n"])
def test_refuses_what_is_no_rows(tmp_path: Path, content: bytes) -> None:
    """An empty file, broken JSON and a list are refused by name."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(SpecialistError, match=r"rows\.jsonl"):
        read_rows(path)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "macro_f1"])
def test_perfect_answers_score_one(both: tuple[TextSpecialist, TokenSpecialist], metric: Metric) -> None:
    """Labels that the specialist itself gave are all right, whatever the metric; wrong ones are not."""
    texts = [f"the film is {word}" for word in WORDS]
    given = [prediction.label for prediction in both[0].predict(texts)]
    rows = [{"text": text, "label": label} for text, label in zip(texts, given, strict=True)]
    figures = evaluate(both[0], rows_of(rows), metric)
    assert (figures.n, figures.value, figures.interval) == (len(WORDS), 1.0, (1.0, 1.0))
    assert sum(row["n"] for row in figures.per_label.values()) == len(WORDS)
    rows[0]["label"] = "yes" if rows[0]["label"] == "no" else "no"
    spoilt = evaluate(both[0], rows_of(rows), metric)
    assert spoilt.value < 1
    assert spoilt.interval[0] <= spoilt.value <= spoilt.interval[1]


def test_measures_entities(both: tuple[TextSpecialist, TokenSpecialist]) -> None:
    """Entities count when both ends and the label agree, from tokens with tags or texts with spans."""
    texts = ["the film is a joy", "good plot bad film", "dull"]
    spans = [[(e.span.start, e.span.end, e.span.label) for e in found.found] for found in both[1].find(texts)]
    assert any(spans)
    rows = [
        {"text": text, "spans": [{"start": s, "end": e, "label": label} for s, e, label in marked]}
        for text, marked in zip(texts, spans, strict=True)
    ]
    assert evaluate(both[1], rows_of(rows)).value == 1.0
    empty = [{"tokens": text.split(), "tags": ["O"] * len(text.split())} for text in texts]
    assert evaluate(both[1], rows_of(empty)).value == 0.0


@pytest.mark.parametrize(
    ("which", "row", "metric", "words"),
    [
        (0, {"text": "a"}, None, "line 1 has no `text` and `label`"),
        (0, {"text": "a", "label": "maybe"}, None, "`maybe` is no label"),
        (0, {"text": "a", "label": "no"}, "entity_f1", "classifies texts"),
        (1, {"text": "a", "label": "no"}, None, "neither `tokens` and `tags`"),
        (1, {"tokens": ["a"], "tags": []}, None, "1 tokens and 0 tags"),
        (1, {"tokens": ["a"], "tags": ["B-ORG"]}, None, "`ORG` is no label"),
        (1, {"tokens": ["a"], "tags": ["O"]}, "accuracy", "finds entities"),
    ],
)
def test_says_what_does_not_fit(
    both: tuple[TextSpecialist, TokenSpecialist],
    which: int,
    row: dict[str, Any],
    metric: Metric | None,
    words: str,
) -> None:
    """Rows of another schema, labels of another task and metrics of another kind are refused with the line."""
    with pytest.raises(SpecialistError, match=words):
        evaluate(both[which], rows_of([row]), metric)


def test_one_batch_serves_both_kinds(both: tuple[TextSpecialist, TokenSpecialist]) -> None:
    """Mixed asks give what each specialist gives alone, in order."""
    asks: list[tuple[Specialist, str]] = [(both[1], "good film"), (both[0], "bad film"), (both[1], "a joy")]
    found = answer_mixed(asks)
    assert found[1] == both[0].predict(["bad film"])[0]
    assert [found[0], found[2]] == both[1].find(["good film", "a joy"])
