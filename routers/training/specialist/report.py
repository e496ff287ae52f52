"""Turn a trained network into a specialist's folder: weights, `config.json` and `CARD.md`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.torch import load_file, save_file

from routers import risk
from routers.specialists import measures
from routers.specialists.registry import HeldOut, HeldOutSpans, SpecialistCard, read_card

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.training.specialist.entity_fit import EntityNetwork
    from routers.training.specialist.fit import Network, Recipe
    from routers.training.specialist.tasks import TaskFacts

ADAPTER_KEYS = (
    "peft_type",
    "r",
    "lora_alpha",
    "lora_dropout",
    "bias",
    "target_modules",
    "layers_to_transform",
    "inference_mode",
)
"""What peft needs to load the adapter; the rest of what it writes are defaults of its version."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of the specialist and of the baselines on one set of texts."""

    held_out: HeldOut
    baselines: Mapping[str, float]
    coverage: Mapping[str, float]
    """Share of the texts kept, most confident first -> accuracy on them."""


@dataclass(frozen=True, slots=True)
class SpanEvaluation:
    """Figures of entities on one set of texts: the specialist's and, as F1, the baselines'."""

    held_out: HeldOutSpans
    baselines: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """What one training read, besides the facts of its task."""

    task: str
    recipe: Recipe
    sizes: Mapping[str, int]
    """Rows of each part of the data, without the lexicon."""
    lexicon_words: int


def evaluate(
    data: str,
    logits: NDArray[np.float64],
    truth: NDArray[np.int64],
    temperature: float,
    baselines: Mapping[str, float],
) -> Evaluation:
    """Measure one set; `logits` of shape (rows, labels), `truth` the label positions."""
    probabilities = measures.softmax(logits / temperature)
    predicted = probabilities.argmax(axis=1)
    correct = (predicted == truth).astype(np.float64)
    low, high = measures.bootstrap_interval(correct)
    return Evaluation(
        HeldOut(
            data=data,
            rows=len(truth),
            accuracy=round(float(correct.mean()), 4),
            interval=(round(low, 4), round(high, 4)),
            macro_f1=round(measures.macro_f1(predicted, truth, logits.shape[1]), 4),
            calibration_error=round(measures.calibration_error(probabilities, truth), 4),
        ),
        baselines,
        measures.risk_coverage(probabilities, truth, (0.5, 0.8, 0.9, 1.0)),
    )


def asdict_evaluation(evaluation: Evaluation | SpanEvaluation) -> dict[str, object]:
    """Return one evaluation as JSON-ready values."""
    found: dict[str, object] = {
        "held_out": evaluation.held_out.model_dump(mode="json"),
        "baselines": dict(evaluation.baselines),
    }
    if isinstance(evaluation, Evaluation):
        found["coverage"] = dict(evaluation.coverage)
    return found


def described(facts: TaskFacts) -> dict[str, Any]:
    """Return the fields of a specialist's `config.json` that its task's facts give and training does not touch."""
    return {
        "words": facts.words,
        "subjects": facts.subjects,
        "foreign_words": facts.foreign_words,
        "vocabulary": facts.vocabulary,
        "reads_requests": facts.reads_requests,
        "moderation": facts.moderation,
        "identifiers": facts.identifiers,
        "unlabelled": facts.unlabelled,
        "out_of_scope": facts.out_of_scope,
    }


def trained(
    options: argparse.Namespace, facts: TaskFacts, labels: tuple[str, ...], temperature: float
) -> dict[str, Any]:
    """Return the fields of a specialist's `config.json` that every kind of training gives, and `described`'s."""
    return {
        "format": 1,
        "name": options.task.replace("_", "-"),
        "description": facts.description,
        "labels": labels,
        "base": options.base_name,
        "base_sha256": digest(options.base / "model.safetensors"),
        "licence": facts.licence or options.licence,
        "temperature": round(temperature, 4),
        **described(facts),
    }


def write_specialist(folder: Path, network: Network | EntityNetwork, card: SpecialistCard) -> None:
    """Write adapter, head and `config.json`; a folder that exists is overwritten file by file."""
    folder.mkdir(parents=True, exist_ok=True)
    network.encoder.peft.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card; ours is CARD.md
    weights = folder / "adapter_model.safetensors"
    save_file({name: value.half() for name, value in load_file(str(weights)).items()}, str(weights))
    adapter = json.loads((folder / "adapter_config.json").read_text())
    kept = {key: adapter[key] for key in ADAPTER_KEYS}
    kept["target_modules"] = sorted(adapter["target_modules"])  # a set, written in no fixed order
    kept["base_model_name_or_path"] = card.base  # peft writes the path on this machine
    (folder / "adapter_config.json").write_text(json.dumps(kept, indent=1) + "\n")
    head = {"weight": network.head.weight.detach().contiguous(), "bias": network.head.bias.detach()}
    save_file(head, str(folder / "head.safetensors"))
    write_config(folder, card)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes files that only their owner can read
    read_card(folder)


def write_confidences(
    folder: Path, scaled: NDArray[np.float64], truth: NDArray[np.int64], card: SpecialistCard
) -> None:
    """Write `calibration.json`, from which `accept: {risk: ...}` is worked out; see `routers/risk.py`.

    `scaled` are logits over the temperature, shape (rows, labels), of texts that were not trained on.
    """
    probabilities = measures.softmax(scaled)
    right = probabilities.argmax(axis=1) == truth
    graded = zip(probabilities.max(axis=1).tolist(), right.tolist(), strict=True)
    data = f"calibration rows of `{card.name}`, typed spacing"
    risk.write_table(folder / risk.FILE, risk.ConfidenceTable.of(graded, data))


def write_config(folder: Path, card: SpecialistCard) -> None:
    """Write `config.json`; fields that say nothing are left out."""
    text = json.dumps(card.model_dump(mode="json", exclude_defaults=True), indent=1, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
