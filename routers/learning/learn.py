"""Learns from a file of graded requests: split, refit, compare, and publish what is better."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from safetensors.numpy import load_file

from routers.artifact import load, save
from routers.graded import GradedFileError, identity
from routers.heads import relu
from routers.learning import labels, success
from routers.learning.compare import Comparison, Head, compare_labels, compare_success
from routers.learning.labels import Layer
from routers.learning.success import Outcomes
from routers.placement import TooFewError, served_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.classifier import RequestClassifier
    from routers.graded import Graded

    Floats = NDArray[np.float64]

FEWEST: Final = 200
HELD_OUT: Final = 30
"""Percent of the requests that are not learnt from."""
FEWEST_HELD_OUT: Final = 30


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the file says about each head, and the candidate that takes the better ones."""

    comparisons: tuple[Comparison, ...]
    skipped: Mapping[str, str]
    """Heads that were not refitted, and why."""
    new_names: tuple[str, ...]
    """Names without an ability before: in the version in force the mean of the known models stood for them."""
    learnt_from: int
    better: tuple[Head, ...]
    tensors: Mapping[str, NDArray[Any]]
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of the file as the heads see them."""

    rows: tuple[Graded, ...]
    inputs: Floats
    buckets: NDArray[np.intp]
    """0-99 by the hash of the normalised text: equal requests fall together, today and in a longer file."""

    @classmethod
    def read(cls, classifier: RequestClassifier, rows: Sequence[Graded]) -> Data:
        """Run the encoder over every row."""
        buckets = np.array([int(identity(row.text)[:8], 16) for row in rows])
        inputs = np.stack([classifier.inputs(row.text) for row in rows]).astype(np.float64)
        return cls(tuple(rows), inputs, buckets)

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Which rows are only for the comparison."""
        return np.asarray(self.buckets % 100 < HELD_OUT)


def learn(
    classifier: RequestClassifier, folder: Path, rows: Sequence[Graded], abilities: Mapping[str, str]
) -> Learnt:
    """Refit every head that the rows speak about, and compare each with the one in force.

    `folder` holds the artifact of `classifier`, which may know placed abilities besides; `abilities` names the
    ability that stands for a target today. Raises `TooFewError` and `GradedFileError`.
    """
    if len(rows) < FEWEST:
        raise TooFewError(
            f"{len(rows)} graded requests are too few to learn from: at least {FEWEST} are needed, because "
            f"{HELD_OUT} % of them are kept for the comparison, which fewer could not decide"
        )
    artifact, data = load(folder), Data.read(classifier, rows)
    if data.held_out.sum() < FEWEST_HELD_OUT or (~data.held_out).sum() < FEWEST_HELD_OUT:
        raise TooFewError(
            f"only {int(data.held_out.sum())} of {len(rows)} requests are left for the comparison, because equal "
            "requests stay together: grade more different ones"
        )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "model.safetensors")
    comparisons, skipped = [], {}
    starts = _starts(classifier, data, abilities)
    comparison, changed, names = _learn_success(artifact, data, starts, classifier.ability_vectors)
    comparisons.append(comparison)
    if comparison.better:
        tensors |= changed
        config["abilities"] = names
    for head in get_args(Head)[1:]:
        found = _learn_labels(head, artifact, data)
        if isinstance(found, str):
            skipped[head] = found
            continue
        comparisons.append(found[0])
        if found[0].better:
            tensors |= found[1]
    return Learnt(
        comparisons=tuple(comparisons),
        skipped=skipped,
        new_names=tuple(n for n in starts if n not in classifier.abilities and n not in abilities),
        learnt_from=int((~data.held_out).sum()),
        better=tuple(c.head for c in comparisons if c.better),
        tensors=tensors,
        config={**config, "learnt_from": {"version": artifact.version, "rows": len(rows)}},
    )


def write(learnt: Learnt, base: Path, folder: Path, report: Mapping[str, Any]) -> None:
    """Write the candidate, with the report of its comparison, into an empty `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    vocabulary = load(base).vocabulary
    save(folder, learnt.config, vocabulary, dict(learnt.tensors))
    (folder / "learnt.json").write_text(
        json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _starts(classifier: RequestClassifier, data: Data, abilities: Mapping[str, str]) -> dict[str, Floats]:
    """The ability that stands for each graded name today."""
    known = classifier.ability_vectors
    mean = np.mean(list(known.values()), axis=0)
    names = sorted({name for row in data.rows for name in row.outcomes})
    return {
        name: np.asarray(known.get(name, known.get(abilities.get(name, ""), mean)), dtype=np.float64)
        for name in names
    }


def _learn_success(
    artifact: Artifact, data: Data, starts: Mapping[str, Floats], known: Mapping[str, NDArray[np.float32]]
) -> tuple[Comparison, dict[str, NDArray[Any]], list[str]]:
    """The comparison, the tensors that would change, and the names of the abilities in their order."""
    outcomes = _outcomes(artifact, data, list(starts))
    test = data.held_out
    before = np.stack(list(starts.values()))
    refit = success.fit(outcomes.take(~test), before, artifact.abilities.vectors)
    held_out = outcomes.take(test)
    comparison = compare_success(
        success.probabilities(held_out.embeddings, before),
        success.probabilities(
            held_out.embeddings, refit.vectors, held_out.inputs @ refit.weight + refit.bias
        ),
        held_out.grades,
    )
    output, slope = artifact.ability.output, artifact.success.slope
    weight, bias = output.weight.copy(), output.bias.copy()
    weight[-1] += (refit.weight / slope).astype(np.float32)
    bias[-1] += refit.bias / slope
    vectors = {**known, **dict(zip(starts, refit.vectors.astype(np.float32), strict=True))}
    tensors = {"ability.weight": weight, "ability.bias": bias, "abilities": np.stack(list(vectors.values()))}
    return comparison, tensors, list(vectors)


def _outcomes(artifact: Artifact, data: Data, names: Sequence[str]) -> Outcomes:
    grades = np.array([[row.outcomes.get(name, np.nan) for name in names] for row in data.rows])
    raw = np.stack([artifact.ability(x) for x in data.inputs.astype(np.float32)])
    return Outcomes(data.inputs, served_from(raw, artifact.success), grades, data.buckets // 100)


def _learn_labels(
    head: Head, artifact: Artifact, data: Data
) -> tuple[Comparison, dict[str, NDArray[Any]]] | str:
    """The comparison and the tensors that would change, or why the head is left alone."""
    names, dense = (
        (artifact.tasks, artifact.labels.task)
        if head == "task"
        else (artifact.domains, artifact.labels.domain)
    )
    given = [getattr(row, head) for row in data.rows]
    for row, label in zip(data.rows, given, strict=True):
        if label is not None and label not in names:
            raise GradedFileError(
                f"{row.place}: `{head}` is `{label}`; the classifier knows {', '.join(names)}"
            )
    known = np.array([label is not None for label in given])
    if known.sum() < FEWEST:
        return f"{int(known.sum())} rows carry `{head}`, {FEWEST} are needed"
    truth = np.array([names.index(label) for label in given if label is not None])
    temperature = artifact.task_temperature if head == "task" else artifact.domain_temperature
    hidden = relu(
        (data.inputs[known] @ artifact.labels.hidden.weight.T + artifact.labels.hidden.bias).astype(
            np.float32
        )
    )
    test = data.held_out[known]
    before = Layer.served(dense, temperature)
    after = labels.fit(before, hidden[~test], truth[~test])
    comparison = compare_labels(
        head, before.probabilities(hidden[test]), after.probabilities(hidden[test]), truth[test]
    )
    weight, bias = (np.asarray(part * temperature, dtype=np.float32) for part in (after.weight, after.bias))
    return comparison, {f"{head}.weight": weight, f"{head}.bias": bias}
