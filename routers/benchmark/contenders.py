"""The routers of one run: our classifier by its signals, others by their files, and what labels add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from routers.benchmark import adapt
from routers.benchmark.baselines import cross_validated_lookup, has_subjects, subject_lookup
from routers.benchmark.files import stem
from routers.benchmark.report import Scored
from routers.benchmark.scoring import difficulty_scores, gain_scores, read_scores, signals_of, vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routers.benchmark.files import Benchmark
    from routers.benchmark.published import Mode
    from routers.benchmark.scoring import Classifier

SUBJECT_LOOKUP: Final = "subject lookup"


def classifier_routers(
    classifier: Classifier, benchmark: Benchmark, abilities: tuple[str, str] | None
) -> list[Scored]:
    """The classifier's difficulty and, given the ability vectors of the two models, its expected gain."""
    signals = signals_of(classifier, benchmark.prompts)
    scored = [Scored("pointsman difficulty", "zero-shot", difficulty_scores(signals))]
    if abilities is not None:
        scored.append(Scored("pointsman gain", "zero-shot", gain_scores(signals, *abilities)))
    return scored


def file_routers(files: Sequence[Path], benchmark: Benchmark, mode: Mode) -> list[Scored]:
    """Routers that are known only by the scores in `files`, each named after its file."""
    return [Scored(stem(file), mode, read_scores(file, benchmark)) for file in files]


def subject_router(benchmark: Benchmark, *, seed: int) -> list[Scored]:
    """The table of subjects, cross-validated; nothing where there is but one subject."""
    if not has_subjects(benchmark):
        return []
    return [Scored(SUBJECT_LOOKUP, "adapted", cross_validated_lookup(benchmark, seed=seed))]


def adapted(
    classifier: Classifier, benchmark: Benchmark, scored: Sequence[Scored], labelled: int, *, seed: int
) -> tuple[Benchmark, list[Scored]]:
    """The rows left to test on, with `scored` cut down to them and what `labelled` rows teach beside.

    The head reads the classifier's vector and, as one more column each, the scores of `scored`.
    """
    parts = adapt.split(benchmark, labelled, seed=seed)
    train, test = benchmark.take(parts.train), benchmark.take(parts.test)
    columns = [np.asarray(router.scores)[:, None] for router in scored if router.mode == "zero-shot"]
    vectors = np.concatenate([vectors_of(classifier, benchmark.prompts), *columns], axis=1)
    head = adapt.fit(vectors[parts.train], train.gain)
    learnt = [Scored(f"pointsman head, {labelled:,} rows", "adapted", head(vectors[parts.test]))]
    if has_subjects(train):
        learnt.append(Scored(f"{SUBJECT_LOOKUP}, {labelled:,} rows", "adapted", subject_lookup(train, test)))
    return test, [*(Scored(r.name, r.mode, r.scores[parts.test]) for r in scored), *learnt]
