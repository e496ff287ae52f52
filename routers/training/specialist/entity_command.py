"""Train, calibrate, evaluate and write one specialist that finds entities."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from routers.specialists import measures
from routers.specialists.bio import Span
from routers.specialists.registry import HeldOutSpans, SpecialistCard
from routers.training.specialist import report
from routers.training.specialist.card import write_card
from routers.training.specialist.entities import (
    EntityExample,
    read_entities,
    replace_entities,
    split_entities,
)
from routers.training.specialist.entity_fit import EntityTrainer
from routers.training.specialist.examples import read_hold_out
from routers.training.specialist.facts import facts_of
from routers.training.specialist.made_up import MAKERS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from routers.training.specialist.entities import EntitySplit
    from routers.training.specialist.fit import Recipe

log = logging.getLogger("pointsman.training")


def train_entities(options: argparse.Namespace, recipe: Recipe) -> None:
    """Run every step for the command's parsed options."""
    folder = options.data / "tasks" / options.task
    split = split_entities(
        read_entities(folder / "train.jsonl.gz"),
        read_entities(folder / "dev.jsonl.gz"),
        read_hold_out(options.data / "holdout_hashes.txt.gz"),
    )
    sizes = {"train": len(split.train), "calibration": len(split.calibration),
             "held_out": len(split.held_out), "dev": len(split.dev)}  # fmt: skip
    log.info("rows: %s", sizes)
    known = {span.label for example in (*split.train, *split.dev) for span in example.spans}
    labels = tuple(sorted(known))
    facts = facts_of(options.task, labels)
    trainer = EntityTrainer(options.base, labels, recipe, facts.unlabelled)
    trainer.fit(
        split.train,
        lambda examples, epoch: (
            replace_entities(examples, MAKERS, seed=recipe.seed + epoch) if facts.replaced else list(examples)
        ),
        log.info,
    )
    temperature = _temperature(trainer, split.calibration)
    evaluations = _evaluate(split, trainer, facts.unlabelled)
    card = SpecialistCard(
        kind="token-classification",
        held_out_spans=tuple(evaluation.held_out for evaluation in evaluations),
        **report.trained(options, facts, labels, temperature),
    )
    report.write_specialist(options.out, trainer.network, card)
    run = report.Run(options.task, recipe, sizes, 0)
    write_card(options.out, card, facts, run, evaluations)
    for evaluation in evaluations:
        log.info("%s; baselines %s", evaluation.held_out, evaluation.baselines)


def _temperature(trainer: EntityTrainer, examples: Sequence[EntityExample]) -> float:
    """Return the temperature that fits the tags of the calibration texts' words."""
    if not examples:
        return 1.0
    logits = np.concatenate(trainer.logits(examples))
    truth = np.concatenate([trainer.truth(example) for example in examples])
    return measures.fit_temperature(logits, truth)


def _evaluate(
    split: EntitySplit, trainer: EntityTrainer, unlabelled: Mapping[str, Sequence[str]]
) -> list[report.SpanEvaluation]:
    """Measure dev, each of its sources, and the held-out rows; a label that a source lacks is not counted."""
    sets: dict[str, list[EntityExample]] = {"dev": split.dev}
    sources = sorted({example.source for example in split.dev})
    if len(sources) > 1:
        for source in sources:
            sets[f"dev, {source}"] = [example for example in split.dev if example.source == source]
    sets["held-out rows of train"] = split.held_out
    listed = _dictionary(split.train)
    logits = {id(e): row for part in (split.dev, split.held_out)
              for e, row in zip(part, trainer.logits(part), strict=True)}  # fmt: skip
    found = []
    for name, examples in sets.items():
        if not examples:
            continue
        hidden = [unlabelled.get(example.source, ()) for example in examples]
        counts = _counts(examples, [trainer.read(e, logits[id(e)]) for e in examples], hidden)
        simple = _counts(examples, [listed(e.text) for e in examples], hidden)
        found.append(
            report.SpanEvaluation(
                held_out_spans(name, counts), {"entities of the training texts": measures.span_f1(simple)[2]}
            )
        )
    return found


def held_out_spans(name: str, counts: NDArray[np.int64]) -> HeldOutSpans:
    """Return the figure of counts of shape (texts, [hit, found, true])."""
    precision, recall, f1 = measures.span_f1(counts)
    low, high = measures.span_f1_interval(counts)
    return HeldOutSpans(
        data=name, rows=len(counts), entities=int(counts[:, 2].sum()), precision=round(precision, 4),
        recall=round(recall, 4), f1=round(f1, 4), interval=(round(low, 4), round(high, 4)),
    )  # fmt: skip


def _counts(
    examples: Sequence[EntityExample], found: Sequence[Sequence[Span]], hidden: Sequence[Sequence[str]]
) -> NDArray[np.int64]:
    rows = []
    for example, spans, without in zip(examples, found, hidden, strict=True):
        kept = {span for span in spans if span.label not in without}
        true = set(example.spans)
        rows.append((len(kept & true), len(kept), len(true)))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _dictionary(train: Sequence[EntityExample]) -> Callable[[str], list[Span]]:
    """Return the simple baseline: mark every run of words that is an entity in a training text, longest first."""
    votes: dict[str, dict[str, int]] = {}
    for example in train:
        for span in example.spans:
            of = votes.setdefault(example.text[span.start : span.end].lower(), {})
            of[span.label] = of.get(span.label, 0) + 1
    listed = {text: max(of, key=of.__getitem__) for text, of in votes.items()}
    longest = max((len(text.split()) for text in listed), default=1)
    return lambda text: _matches(text, listed, longest)


def _matches(text: str, listed: Mapping[str, str], longest: int) -> list[Span]:
    words = [(found.start(), found.end()) for found in re.finditer(r"\S+", text)]
    spans, at = [], 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            start, end = words[at][0], words[at + size - 1][1]
            label = listed.get(text[start:end].lower())
            if label:
                spans.append(Span(start, end, label))
                break
        at += size if label else 1
    return spans
