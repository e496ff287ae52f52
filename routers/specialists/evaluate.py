"""Measure any specialist on a file of labelled texts or entities."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from routers.specialists import measures
from routers.specialists.bio import Span, spans_of_tokens
from routers.specialists.registry import SpecialistError
from routers.specialists.text import TextSpecialist

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.specialists.tokens import Entities, Specialist, TokenSpecialist

Metric = Literal["accuracy", "f1", "macro_f1", "entity_f1"]
METRICS: tuple[Metric, ...] = get_args(Metric)
ROUNDS = 1000
"""Resamplings of the rows for an interval."""

Row = tuple[int, "Mapping[str, Any]"]
"""Line number in the file, and what the line holds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a specialist did on a file."""

    n: int
    """Texts."""
    metric: Metric
    value: float
    interval: tuple[float, float]
    """95 % percentile bootstrap, texts resampled."""
    ece: float
    """Expected calibration error, 15 bins: of the top label, or of the entities found."""
    per_label: dict[str, dict[str, float]]
    """Label -> `n` (true ones), `precision`, `recall`, `f1`."""


def read_rows(path: Path) -> list[Row]:
    """Read JSON Lines, gzipped or not; blank lines are skipped.

    Raises SpecialistError, naming the line, when a line is no JSON object or the file has none.
    """
    rows: list[Row] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open() as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    rows.append((number, json.loads(line)))
                    if not isinstance(rows[-1][1], dict):
                        raise SpecialistError(f"{path}: line {number} is no JSON object")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SpecialistError(f"{path} cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise SpecialistError(f"{path}: line {len(rows) + 1} is no JSON: {error.msg}") from None
    if not rows:
        raise SpecialistError(f"{path} holds no rows")
    return rows


def evaluate(specialist: Specialist, rows: Sequence[Row], metric: Metric | None = None) -> Figures:
    """Let a specialist read every row and compare; the metric is by default accuracy, or F1 of entities.

    Raises SpecialistError when the rows do not fit the specialist, or the metric its kind. Blocking: about
    100 short texts a second on one core.
    """
    if isinstance(specialist, TextSpecialist):
        if metric == "entity_f1":
            raise SpecialistError(f"`{specialist.name}` classifies texts: choose accuracy, f1 or macro_f1")
        return _of_texts(specialist, rows, metric or "accuracy")
    if metric not in (None, "entity_f1"):
        raise SpecialistError(f"`{specialist.name}` finds entities: the metric is entity_f1")
    return _of_entities(specialist, rows)


def _of_texts(specialist: TextSpecialist, rows: Sequence[Row], metric: Metric) -> Figures:
    position = {label: at for at, label in enumerate(specialist.labels)}
    for line, row in rows:
        if not isinstance(row.get("text"), str) or not isinstance(row.get("label"), str):
            raise SpecialistError(f"line {line} has no `text` and `label`, both of them strings")
        if row["label"] not in position:
            raise SpecialistError(f"line {line}: `{row['label']}` is no label of `{specialist.name}`")
    answers = specialist.predict([row["text"] for _, row in rows])
    truth = np.array([position[row["label"]] for _, row in rows])
    found = np.array([position[answer.label] for answer in answers])
    shares = np.array([list(answer.probabilities.values()) for answer in answers])
    score = _score(metric, truth, len(position))
    return Figures(
        len(rows),
        metric,
        round(score(found, truth), 4),
        _interval(lambda sample: score(found[sample], truth[sample]), len(rows)),
        round(measures.calibration_error(shares, truth), 4),
        {
            label: _of_counts(((found == at) & (truth == at)).sum(), (found == at).sum(), (truth == at).sum())
            for label, at in position.items()
        },
    )


def _score(metric: Metric, truth: measures.Ints, labels: int) -> Callable[..., float]:
    """Return the function of (found, truth). `f1` of two labels is that of the rarer one, else the weighted mean."""
    if metric == "accuracy":
        return lambda found, true: float((found == true).mean())
    if metric == "macro_f1":
        return lambda found, true: measures.macro_f1(found, true, labels)
    counts = np.bincount(truth, minlength=labels)
    weights = np.eye(labels)[int(counts.argmin())] if labels == 2 else counts / counts.sum()

    def f1(found: measures.Ints, true: measures.Ints) -> float:
        hits = np.array([((found == at) & (true == at)).sum() for at in range(labels)])
        sizes = np.array([(found == at).sum() + (true == at).sum() for at in range(labels)])
        return float(weights @ np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 1.0))

    return f1


def _of_entities(specialist: TokenSpecialist, rows: Sequence[Row]) -> Figures:
    texts, truths = [], []
    for line, row in rows:
        text, spans = _entities_of(line, row)
        wrong = next((span.label for span in spans if span.label not in specialist.labels), None)
        if wrong is not None:
            raise SpecialistError(f"line {line}: `{wrong}` is no label of `{specialist.name}`")
        texts.append(text)
        truths.append(set(spans))
    answers = specialist.find(texts)
    hidden = [specialist.card.unlabelled.get(str(row.get("source")), ()) for _, row in rows]
    counts, sure, right = _compare(specialist.labels, answers, truths, hidden)
    total = counts.sum(axis=2)
    _, _, value = measures.span_f1(total)
    return Figures(
        len(rows),
        "entity_f1",
        round(value, 4),
        _interval(lambda sample: measures.span_f1(total[sample])[2], len(rows)),
        round(measures.confidence_error(np.array(sure), np.array(right, dtype=bool)), 4) if sure else 0.0,
        {label: _of_counts(*counts[:, :, at].sum(axis=0)) for at, label in enumerate(specialist.labels)},
    )


def _entities_of(line: int, row: Mapping[str, Any]) -> tuple[str, list[Span]]:
    try:
        if "tokens" in row:
            if len(row["tokens"]) != len(row["tags"]):
                raise SpecialistError(
                    f"line {line} has {len(row['tokens'])} tokens and {len(row['tags'])} tags"
                )
            return spans_of_tokens(row["tokens"], row["tags"])
        return str(row["text"]), [Span(s["start"], s["end"], s["label"]) for s in row["spans"]]
    except (KeyError, TypeError):
        raise SpecialistError(f"line {line} has neither `tokens` and `tags` nor `text` and `spans`") from None


def _compare(
    labels: Sequence[str],
    answers: Sequence[Entities],
    truths: Sequence[set[Span]],
    hidden: Sequence[Sequence[str]],
) -> tuple[NDArray[np.int64], list[float], list[bool]]:
    """Return counts (texts, [hit, found, true], labels), and confidence and rightness of every entity found.

    A label that a row's corpus does not mark is not counted there.
    """
    counts = np.zeros((len(answers), 3, len(labels)), dtype=np.int64)
    sure, right = [], []
    for row, (answer, true, without) in enumerate(zip(answers, truths, hidden, strict=True)):
        for entity in answer.found:
            if entity.span.label in without:
                continue
            at, hit = labels.index(entity.span.label), entity.span in true
            counts[row, 0, at] += hit
            counts[row, 1, at] += 1
            sure.append(entity.confidence)
            right.append(hit)
        for span in true:
            counts[row, 2, labels.index(span.label)] += 1
    return counts, sure, right


def _of_counts(hit: int, found: int, true: int) -> dict[str, float]:
    hit, found, true = int(hit), int(found), int(true)
    return {
        "n": true,
        "precision": round(hit / found, 4) if found else 0.0,
        "recall": round(hit / true, 4) if true else 0.0,
        "f1": round(2 * hit / (found + true), 4) if found + true else 0.0,
    }


def _interval(score: Callable[[measures.Ints], float], rows: int) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    values = [score(draw.integers(0, rows, size=rows)) for _ in range(ROUNDS)]
    low, high = np.quantile(values, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)
