"""What a router has to beat: length alone, and a table of subjects. Also the bound that none can pass."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.benchmark.files import Benchmark

    Floats = NDArray[np.float64]

FOLDS: Final = 5


def length_scores(benchmark: Benchmark) -> Floats:
    """Characters of each prompt: the longer one goes to the strong model. Shape (rows,)."""
    return np.array([len(prompt) for prompt in benchmark.prompts], dtype=np.float64)


def oracle_scores(benchmark: Benchmark) -> Floats:
    """The gain itself, shape (rows,). No order recovers more at any share of strong calls."""
    return benchmark.gain


def has_subjects(benchmark: Benchmark) -> bool:
    """Whether a table of subjects could tell rows apart."""
    return len(set(benchmark.subjects)) > 1


def subject_lookup(train: Benchmark, test: Benchmark) -> Floats:
    """For each row of `test`, the mean gain of its subject in `train`; of all of `train` for an unseen one."""
    gains: dict[str | None, list[float]] = {}
    for subject, gain in zip(train.subjects, train.gain, strict=True):
        gains.setdefault(subject, []).append(float(gain))
    means = {subject: sum(values) / len(values) for subject, values in gains.items()}
    overall = float(train.gain.mean())
    return np.array([means.get(subject, overall) for subject in test.subjects])


def cross_validated_lookup(benchmark: Benchmark, *, seed: int) -> Floats:
    """`subject_lookup` of each row from the four fifths that do not hold it, shape (rows,).

    A row's score is its rank within its own fifth: a fifth with high gains leaves low ones to learn from, so
    raw means of different fifths compare the wrong way round.
    """
    scores = np.empty(len(benchmark.prompts))
    folds = fold_of(benchmark.prompts, seed=seed)
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if len(inside) and len(outside):
            scores[inside] = ranks(subject_lookup(benchmark.take(outside), benchmark.take(inside)))
        else:
            scores[inside] = 0.5
    return scores


def ranks(scores: Floats) -> Floats:
    """Share of rows below each score, those equal to it counted half; shape (rows,), in 0-1."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / len(scores))[inverse])


def fold_of(prompts: Sequence[str], *, seed: int) -> NDArray[np.intp]:
    """The fold of each prompt, nearly equal in size; prompts of equal normalised text share one."""
    keys = [normalised(prompt) for prompt in prompts]
    shuffled = sorted(set(keys), key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    folds = {key: place % FOLDS for place, key in enumerate(shuffled)}
    return np.array([folds[key] for key in keys])


def normalised(prompt: str) -> str:
    """The prompt without case, spaces and punctuation: what makes two prompts the same."""
    return re.sub(r"[\W_]+", "", prompt.lower())
