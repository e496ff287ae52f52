"""Fits the calibration of every head of an artifact on examples that it was not trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file

from routers.ability import success_logits
from routers.artifact import load, save
from routers.calibration import Platt, fit_platt, fit_temperature
from routers.reading import read
from routers.tokenizer import Tokenizer
from routers.training.crossfit import fit_difficulty, fit_success
from routers.training.examples import of_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.training.crossfit import OutOfFold
    from routers.training.examples import Example


@dataclass(frozen=True, slots=True)
class Logits:
    """Raw outputs of the served arithmetic for many requests, one row each."""

    task: NDArray[np.float32]
    domain: NDArray[np.float32]
    flags: NDArray[np.float32]
    success: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def raw_logits(artifact: Artifact, examples: Sequence[Example]) -> Logits:
    """Run the quantised classifier, without calibration, over examples."""
    tokenizer = Tokenizer(artifact.vocabulary)
    columns: tuple[list[NDArray[np.float32]], ...] = ([], [], [], [], [])
    for example in examples:
        tokens, features = read(tokenizer, example.text)
        vector = np.concatenate([artifact.encoder(tokens), artifact.features(features)])
        embedding = artifact.ability(vector)
        outputs = (*artifact.labels(vector), success_logits(artifact.abilities.vectors, embedding), embedding)
        for column, output in zip(columns, outputs, strict=True):
            column.append(output)
    return Logits(*(np.stack(column) for column in columns))


def calibrate(
    folder: Path, config: Mapping[str, Any], labelled: Sequence[Example], held_out: OutOfFold
) -> None:
    """Replace the artifact's calibration: labels by their calibration part, abilities by predictions out of fold."""
    artifact = load(folder)
    label_part = of_part(labelled, "calibration")
    logits = raw_logits(artifact, label_part)
    calibration = {
        "task_temperature": _temperature(logits.task, [_index(artifact.tasks, e.task) for e in label_part]),
        "domain_temperature": _temperature(
            logits.domain, [_index(artifact.domains, e.domain) for e in label_part]
        ),
        "pii": asdict(_flag(logits.flags[:, 0], [e.pii for e in label_part])),
        "injection": asdict(_flag(logits.flags[:, 1], [e.injection for e in label_part])),
        "success": asdict(fit_success(held_out)),
        "difficulty": asdict(fit_difficulty(held_out)),
    }
    tensors = load_file(folder / "model.safetensors")
    save(folder, {**config, "calibration": calibration}, artifact.vocabulary, tensors)


def _index(names: tuple[str, ...], name: str | None) -> int:
    return -1 if name is None else names.index(name)


def _temperature(logits: NDArray[np.float32], labels: Sequence[int]) -> float:
    known = np.array(labels) >= 0
    return fit_temperature(logits[known], np.array(labels)[known])


def _flag(logits: NDArray[np.float32], labels: Sequence[bool | None]) -> Platt:
    known = np.array([label is not None for label in labels])
    outcomes = np.array([bool(label) for label in labels])
    return fit_platt(logits[known], outcomes[known].astype(float))
