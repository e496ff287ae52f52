"""Texts with entities for a specialist: read, filter and split as labelled texts are."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routers.specialists.bio import Span, spans_of_tokens
from routers.training.specialist.examples import is_held_out, normalise, part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

REPLACED_SHARE = 0.6
"""Share of the entities that are replaced in an epoch, where replacing is asked for."""


@dataclass(frozen=True, slots=True)
class EntityExample:
    """One text, its entities in order, and the corpus it came from."""

    text: str
    spans: tuple[Span, ...]
    source: str


@dataclass(frozen=True, slots=True)
class EntitySplit:
    """Disjoint parts of one task's texts; see `examples.Split`."""

    train: list[EntityExample] = field(default_factory=list)
    calibration: list[EntityExample] = field(default_factory=list)
    held_out: list[EntityExample] = field(default_factory=list)
    dev: list[EntityExample] = field(default_factory=list)


def has_entities(task_dir: Path) -> bool:
    """Say whether a task's training rows mark entities; a task without a training file has none."""
    path = task_dir / "train.jsonl.gz"
    if not path.is_file():
        return False
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        first = json.loads(next(lines, "{}"))
    return "tokens" in first or "spans" in first


def read_entities(path: Path) -> list[EntityExample]:
    """Read a gzipped file of `tokens` and BIO `tags`, or of `text` and `spans`; `source` is optional."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [entity_example(json.loads(line)) for line in lines]


def entity_example(row: Mapping[str, object]) -> EntityExample:
    """Return one row of a file; tokens are joined by blanks. Raises KeyError for other schemas."""
    source = str(row.get("source", "train"))
    if "tokens" in row:
        text, spans = spans_of_tokens(row["tokens"], row["tags"])  # type: ignore[arg-type]  # rows are JSON
    else:
        text = str(row["text"])
        given: Iterable[Mapping[str, object]] = row["spans"]  # type: ignore[assignment]  # rows are JSON
        spans = [Span(int(str(s["start"])), int(str(s["end"])), str(s["label"])) for s in given]
    return EntityExample(text, tuple(sorted(spans, key=lambda span: span.start)), source)


def split_entities(
    train: Sequence[EntityExample], dev: Sequence[EntityExample], digests: frozenset[str]
) -> EntitySplit:
    """Drop repeated and held-out texts, then split by a hash of the text; `dev` stays whole."""
    split = EntitySplit(dev=list(dev))
    seen = {normalise(example.text) for example in dev}
    for example in train:
        key = normalise(example.text)
        if not key or key in seen or is_held_out(example.text, digests):
            continue
        seen.add(key)
        part_of(split, key).append(example)
    return split


def replace_entities(
    examples: Sequence[EntityExample], makers: Mapping[str, Callable[[random.Random], str]], *, seed: int
) -> list[EntityExample]:
    """Return the texts with many entities replaced by others of their label.

    A label with a maker gets made-up values (account numbers, addresses), the others values of other texts.
    So a model learns the place of an entity and not the few names of a small corpus.
    """
    draw = random.Random(seed)
    pool: dict[str, list[str]] = {}
    for example in examples:
        for span in example.spans:
            pool.setdefault(span.label, []).append(example.text[span.start : span.end])
    return [_replaced(example, makers, pool, draw) for example in examples]


def _replaced(
    example: EntityExample,
    makers: Mapping[str, Callable[[random.Random], str]],
    pool: Mapping[str, Sequence[str]],
    draw: random.Random,
) -> EntityExample:
    text, spans, at = "", [], 0
    for span in example.spans:
        value, label = example.text[span.start : span.end], span.label
        if draw.random() < REPLACED_SHARE:
            if label == "CREDIT_CARD" and "IBAN_CODE" in makers and draw.random() < 0.4:
                label = "IBAN_CODE"  # no training text has one; both stand in the same places
            value = makers[label](draw) if label in makers else draw.choice(pool[label])
        text += example.text[at : span.start]
        spans.append(Span(len(text), len(text) + len(value), label))
        text, at = text + value, span.end
    return EntityExample(text + example.text[at:], tuple(spans), example.source)
