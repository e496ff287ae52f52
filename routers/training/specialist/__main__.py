"""`python -m routers.training.specialist`: train, calibrate, evaluate and write one specialist."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from routers.specialists import measures
from routers.specialists.registry import SpecialistCard
from routers.training.specialist import baselines, report
from routers.training.specialist.card import write_card
from routers.training.specialist.entities import has_entities
from routers.training.specialist.entity_command import train_entities
from routers.training.specialist.examples import (
    Example,
    Split,
    detokenise,
    limit_labels,
    read_hold_out,
    read_lexicon,
    read_task,
    split_task,
)
from routers.training.specialist.facts import facts_of
from routers.training.specialist.fit import Recipe, Trainer, embed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger("pointsman.training")


def main(argv: Sequence[str] | None = None) -> None:
    """Train one specialist from the command line and write its folder."""
    parser = argparse.ArgumentParser(prog="python -m routers.training.specialist", description=main.__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--base", type=Path, required=True, help="folder of the encoder (safetensors)")
    parser.add_argument("--base-name", default="all-minilm-l6-v2", help="catalogue name of the encoder")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write; its name need not be the task's"
    )
    parser.add_argument("--task", required=True, help="folder below tasks/ with `text` and `label`")
    parser.add_argument(
        "--lexicon", type=Path, help="file of words and valences (VADER's), to train on as well"
    )
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the weights that are written")
    parser.add_argument(
        "--skip-frozen-baseline", action="store_true", help="do not fit the baseline on the frozen encoder"
    )
    parser.add_argument("--threads", type=int, default=1, help="one thread makes a run repeatable bit by bit")
    for field in dataclasses.fields(Recipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=None)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    if has_entities(options.data / "tasks" / options.task):
        train_entities(options, _recipe(options, 0.0))
    else:
        train(options)


def train(options: argparse.Namespace) -> None:
    """Run every step for parsed options; see `main` for their meaning."""
    parts = read_task(options.data / "tasks" / options.task)
    split = split_task(parts, read_hold_out(options.data / "holdout_hashes.txt.gz"))
    lexicon = read_lexicon(options.lexicon) if options.lexicon else []
    sizes = {part.name: len(getattr(split, part.name)) for part in dataclasses.fields(Split)}
    log.info("rows: %s, words: %d", sizes, len(lexicon))
    labels = tuple(sorted({example.label for example in split.train}))
    facts = facts_of(options.task, labels)
    recipe = _recipe(options, facts.joined_share)
    split.train.extend(lexicon)
    trainer = Trainer(options.base, labels, recipe, respaced_share=0.5 if facts.spaced else 0.0)
    trainer.fit(limit_labels(split.train, recipe.per_label, seed=recipe.seed), log.info)

    typed = detokenise if facts.spaced else str
    calibration = trainer.logits([typed(example.text) for example in split.calibration])
    temperature = measures.fit_temperature(calibration, _truth(split.calibration, labels))
    base = None if options.skip_frozen_baseline else options.base
    evaluations = _evaluate(split, labels, trainer, temperature, base, typed)
    card = SpecialistCard(
        kind="text-classification",
        max_tokens=recipe.max_tokens,
        held_out=tuple(evaluation.held_out for evaluation in evaluations),
        **report.trained(options, facts, labels, temperature),
    )
    report.write_specialist(options.out, trainer.network, card)
    report.write_confidences(options.out, calibration / temperature, _truth(split.calibration, labels), card)
    run = report.Run(options.task, recipe, sizes, len(lexicon))
    write_card(options.out, card, facts, run, evaluations)
    for evaluation in evaluations:
        log.info(
            "%s; baselines %s; coverage %s", evaluation.held_out, evaluation.baselines, evaluation.coverage
        )


def _recipe(options: argparse.Namespace, joined_share: float) -> Recipe:
    given = {
        field.name: value
        for field in dataclasses.fields(Recipe)
        if (value := getattr(options, field.name)) is not None
    }
    return Recipe(**{"joined_share": joined_share, **given})


def _truth(
    examples: Sequence[Example], labels: tuple[str, ...]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([labels.index(example.label) for example in examples], dtype=np.int64)


def _evaluate(
    split: Split,
    labels: tuple[str, ...],
    trainer: Trainer,
    temperature: float,
    base: Path | None,
    typed: Callable[[str], str],
) -> list[report.Evaluation]:
    """Measure dev as the corpus spells it and, where that differs, as typed; held-out rows as typed."""
    sets: dict[str, list[tuple[str, str]]] = {"dev, as published": [(e.text, e.label) for e in split.dev]}
    if typed is detokenise:
        sets["dev, typed spacing"] = [(typed(e.text), e.label) for e in split.dev]
    for example in split.held_out:
        sets.setdefault(f"held-out rows of {example.source}", []).append((typed(example.text), example.label))
    models = {
        "majority": baselines.majority(split.train, labels),
        "TF-IDF + LR": baselines.tfidf(split.train, labels),
    }
    if base is not None:
        models["frozen encoder + LR"] = baselines.frozen_encoder(
            split.train, labels, lambda texts: embed(base, texts)
        )
    evaluations = []
    for name, rows in sets.items():
        texts = [text for text, _ in rows]
        truth = np.array([labels.index(label) for _, label in rows], dtype=np.int64)
        simple = {model: float((predict(texts) == truth).mean()) for model, predict in models.items()}
        evaluations.append(report.evaluate(name, trainer.logits(texts), truth, temperature, simple))
    return evaluations


if __name__ == "__main__":
    main()
