"""Turn a trained network into a specialist's folder: weights, `config.json` and `CARD.md`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from safetensors.torch import save_file

from routers import risk
from routers.specialists.registry import HeldOut, SpecialistCard, read_card
from routers.training.specialist import measures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.training.specialist.fit import Network, Recipe
    from routers.training.specialist.tasks import TaskFacts

ADAPTER_KEYS = ("peft_type", "r", "lora_alpha", "lora_dropout", "bias", "target_modules", "inference_mode")
"""What peft needs to load the adapter; the rest of what it writes are defaults of its version."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of the specialist and of the baselines on one set of texts."""

    held_out: HeldOut
    baselines: Mapping[str, float]
    coverage: Mapping[str, float]
    """Share of the texts kept, most confident first -> accuracy on them."""


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


def write_specialist(folder: Path, network: Network, card: SpecialistCard) -> None:
    """Write adapter, head and `config.json`; a folder that exists is overwritten file by file."""
    folder.mkdir(parents=True, exist_ok=True)
    network.encoder.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card; ours is CARD.md
    adapter = json.loads((folder / "adapter_config.json").read_text())
    kept = {key: adapter[key] for key in ADAPTER_KEYS}
    kept["target_modules"] = sorted(adapter["target_modules"])  # a set, written in no fixed order
    kept["base_model_name_or_path"] = card.base  # peft writes the path on this machine
    (folder / "adapter_config.json").write_text(json.dumps(kept, indent=1) + "\n")
    head = {"weight": network.head.weight.detach().contiguous(), "bias": network.head.bias.detach()}
    save_file(head, str(folder / "head.safetensors"))
    text = json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
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


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(
    folder: Path, card: SpecialistCard, facts: TaskFacts, run: Run, evaluations: Sequence[Evaluation]
) -> None:
    """Write `CARD.md`: what it is, data, figures with intervals beside baselines, recipe, reproduce command."""
    lines = [*_introduction(card, facts, run), *_figures(card, evaluations), *_reproduction(run)]
    (folder / "CARD.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _introduction(card: SpecialistCard, facts: TaskFacts, run: Run) -> list[str]:
    sizes = ", ".join(f"{name.replace('_', ' ')} {size}" for name, size in run.sizes.items())
    lexicon = f"\nand the {run.lexicon_words} clearest words of a polarity lexicon (VADER's: MIT licence)"
    return [
        f"# Specialist `{card.name}`",
        "",
        f"{card.description} Labels: {', '.join(card.labels[:20])}{' …' if len(card.labels) > 20 else ''}.",
        "",
        f"A LoRA adapter (rank {run.recipe.rank}) and a linear head on mean pooling over `{card.base}`",
        f"(`model.safetensors` SHA-256 `{card.base_sha256}`). Licence of these weights: {card.licence}.",
        "",
        "## Data",
        "",
        facts.data_note,
        "",
        "Rows after dropping duplicates, contradictions and texts on the hold-out list:",
        f"{sizes}{lexicon if run.lexicon_words else ''}.",
        "Every text is read as the corpus spells it or with typed spacing, at even odds.",
        "",
    ]


def _figures(card: SpecialistCard, evaluations: Sequence[Evaluation]) -> list[str]:
    names = list(evaluations[0].baselines)
    rows = [
        f"| {e.held_out.data} | {e.held_out.rows} | {e.held_out.accuracy:.3f} "
        f"({e.held_out.interval[0]:.3f}-{e.held_out.interval[1]:.3f}) | {e.held_out.macro_f1:.3f} "
        f"| {e.held_out.calibration_error:.3f} | {e.coverage['0.8']:.3f} | "
        + " | ".join(f"{e.baselines[name]:.3f}" for name in names)
        + " |"
        for e in evaluations
    ]
    return [
        "## Figures",
        "",
        "Accuracy with its 95 % bootstrap interval; ECE is the expected calibration error (15 bins). The",
        f"temperature ({card.temperature:.3f}) was set on the calibration rows alone. The last training state is",
        "shipped: no epoch was chosen on any of these sets.",
        "",
        f"| texts | rows | accuracy | macro F1 | ECE | most confident 80 % | {' | '.join(names)} |",
        "|---|---|---|---|---|---|" + "---|" * len(names),
        *rows,
        "",
    ]


def _reproduction(run: Run) -> list[str]:
    lexicon = " --lexicon vader_lexicon.txt" if run.lexicon_words else ""
    origin = ["The lexicon is the file of that name in `vaderSentiment==3.3.2`."] if run.lexicon_words else []
    return [
        "## Reproduce",
        "",
        "```",
        f"python -m routers.training.specialist --data DIR --base DIR --out DIR --task {run.task}{lexicon}",
        "```",
        "",
        "`DIR`s: the folder with `tasks/` and `holdout_hashes.txt.gz`, the encoder's, and the one to write.",
        *origin,
        f"One thread makes it deterministic on one machine. Recipe: `{json.dumps(asdict(run.recipe))}`",
    ]
