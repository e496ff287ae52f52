"""Scores of routers, higher meaning more need of the strong model: our classifier's, or those in a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from routers.benchmark.errors import BenchmarkError
from routers.benchmark.files import read_rows
from routers.signals import RequestText

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.benchmark.files import Benchmark
    from routers.signals import Signals

    Floats = NDArray[np.float64]


class Classifier(Protocol):
    """What is scored."""

    @property
    def abilities(self) -> tuple[str, ...]:
        """Names of the models whose success is predicted."""

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request."""


@runtime_checkable
class HasInputs(Protocol):
    """A classifier that shows the vector its heads read."""

    def inputs(self, text: RequestText) -> NDArray[np.float32]:
        """The request's vector, shape (width,)."""


@runtime_checkable
class Embeds(Protocol):
    """A classifier that shows what it demands of a model."""

    def embed(self, text: RequestText) -> NDArray[np.float32]:
        """The request's demand and difficulty, shape (dimensions + 1,)."""


def signals_of(classifier: Classifier, prompts: Sequence[str]) -> list[Signals]:
    """The signals of each prompt, read as the only user turn."""
    return [classifier.classify(RequestText(user=prompt)) for prompt in prompts]


def difficulty_scores(signals: Sequence[Signals]) -> Floats:
    """`difficulty` of each row: knows nothing of the two models. Shape (rows,)."""
    return np.array([signal.difficulty for signal in signals])


def gain_scores(signals: Sequence[Signals], weak: str, strong: str) -> Floats:
    """Expected gain by the ability vectors `weak` and `strong`, shape (rows,). Raises `BenchmarkError`."""
    for name in (weak, strong):
        if signals and name not in signals[0].success:
            known = ", ".join(sorted(signals[0].success))
            raise BenchmarkError(f"the classifier has no ability vector `{name}`; it has: {known}")
    return np.array([signal.success[strong] - signal.success[weak] for signal in signals])


def vectors_of(classifier: Classifier, prompts: Sequence[str]) -> NDArray[np.float64]:
    """What a head may be fitted to, shape (rows, width): `inputs` where there is one, else `embed`."""
    if isinstance(classifier, HasInputs):
        read = classifier.inputs
    elif isinstance(classifier, Embeds):
        read = classifier.embed
    else:
        raise BenchmarkError("this classifier shows no vector, so nothing can be fitted to it")
    return np.stack([read(RequestText(user=prompt)) for prompt in prompts]).astype(np.float64)


def read_scores(file: Path, benchmark: Benchmark) -> Floats:
    """Scores of the benchmark's rows from a file, shape (rows,). Raises `BenchmarkError`.

    One number a line, for every row of the benchmark's files in their order or only for those that are kept;
    or rows (JSON Lines or CSV) with `id` and `score`.
    """
    numbers = _plain_numbers(file)
    if numbers is None:
        return _by_id(read_rows(file), file, benchmark)
    if len(numbers) == benchmark.read:
        return np.array(numbers)[benchmark.positions]
    if len(numbers) == len(benchmark.ids):
        return np.array(numbers)
    raise BenchmarkError(
        f"{file} has {len(numbers)} scores for {benchmark.read} rows ({len(benchmark.ids)} of them kept)"
    )


def _plain_numbers(file: Path) -> list[float] | None:
    """The file's numbers, None where it holds anything else."""
    try:
        numbers = [float(line) for line in file.read_text(encoding="utf-8").split()]
    except OSError as error:
        raise BenchmarkError(f"cannot read {file}: {error}") from error
    except ValueError:
        return None
    return numbers


def _by_id(rows: list[dict[str, Any]], file: Path, benchmark: Benchmark) -> Floats:
    scores: dict[str, float] = {}
    for place, row in enumerate(rows, start=1):
        try:
            scores[str(row["id"])] = float(row["score"])
        except (KeyError, TypeError, ValueError) as error:
            raise BenchmarkError(
                f"{file} row {place} lacks `id` or a number as `score`: {json.dumps(row)[:80]}"
            ) from error
    missing = [name for name in benchmark.ids if name not in scores]
    if missing:
        raise BenchmarkError(f"{file} has no score for {len(missing)} rows, the first of them `{missing[0]}`")
    return np.array([scores[name] for name in benchmark.ids])
