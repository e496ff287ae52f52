"""`CARD.md` of a specialist and the record of its figures, `report.json`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from routers.training.specialist.fit import Recipe
from routers.training.specialist.report import Evaluation, SpanEvaluation, asdict_evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from routers.specialists.registry import SpecialistCard
    from routers.training.specialist.report import Run
    from routers.training.specialist.tasks import TaskFacts

    Evaluations = Sequence[Evaluation] | Sequence[SpanEvaluation]


def write_card(
    folder: Path, card: SpecialistCard, facts: TaskFacts, run: Run, evaluations: Evaluations
) -> None:
    """Write `report.json`, every figure of the run, and `CARD.md`, the same for people."""
    record = {"run": asdict(run), "evaluations": [asdict_evaluation(e) for e in evaluations]}
    (folder / "report.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    write_card_text(folder, card, facts, run, evaluations)


def write_card_text(
    folder: Path, card: SpecialistCard, facts: TaskFacts, run: Run, evaluations: Evaluations
) -> None:
    """Write `CARD.md`: what it is, data, figures with intervals beside baselines, recipe, reproduce command."""
    lines = [*_introduction(card, facts, run), *_figures(card, evaluations)]
    if facts.further:
        lines += ["## What to know", "", facts.further, ""]
    lines += _reproduction(run, facts.joined_share)
    (folder / "CARD.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _introduction(card: SpecialistCard, facts: TaskFacts, run: Run) -> list[str]:
    sizes = ", ".join(f"{name.replace('_', ' ')} {size}" for name, size in run.sizes.items())
    lexicon = f"\nand the {run.lexicon_words} clearest words of a polarity lexicon (VADER's: MIT licence)"
    head = (
        "a linear head on mean pooling"
        if card.kind == "text-classification"
        else "a linear head on each word's first piece and the shapes of it and its neighbours"
    )
    limited = (
        run.recipe.per_label and f"At most {run.recipe.per_label} training texts of one label were read."
    )
    spaced = "Every text is read as the corpus spells it or with typed spacing, at even odds."
    return [
        f"# Specialist `{card.name}`",
        "",
        f"{card.description} Labels: {', '.join(card.labels[:20])}{' …' if len(card.labels) > 20 else ''}.",
        "",
        f"A LoRA adapter (rank {run.recipe.rank}, from layer {run.recipe.first_layer} of the encoder) and {head}",
        f"over `{card.base}` (`model.safetensors` SHA-256 `{card.base_sha256}`).",
        f"Licence of these weights: {card.licence}.",
        "",
        "## Data",
        "",
        facts.data_note,
        "",
        "Rows after dropping duplicates, contradictions and texts on the hold-out list:",
        f"{sizes}{lexicon if run.lexicon_words else ''}.",
        *([limited] if limited else []),
        *([spaced] if facts.spaced else []),
        "",
    ]


def _row(e: Evaluation | SpanEvaluation, names: Sequence[str]) -> list[str]:
    low, high = e.held_out.interval
    simple = [f"{e.baselines[name]:.3f}" for name in names]
    if isinstance(e, Evaluation):
        h = e.held_out
        cells = [f"{h.accuracy:.3f} ({low:.3f}-{high:.3f})", f"{h.macro_f1:.3f}",
                 f"{h.calibration_error:.3f}", f"{e.coverage['0.8']:.3f}"]  # fmt: skip
    else:
        s = e.held_out
        cells = [
            str(s.entities),
            f"{s.f1:.3f} ({low:.3f}-{high:.3f})",
            f"{s.precision:.3f}",
            f"{s.recall:.3f}",
        ]
    return [e.held_out.data, str(e.held_out.rows), *cells, *simple]


def _figures(card: SpecialistCard, evaluations: Evaluations) -> list[str]:
    names = list(evaluations[0].baselines)
    rows = [_row(evaluation, names) for evaluation in evaluations]
    head = ["texts", "rows"]
    if card.kind == "text-classification":
        what = (
            "Accuracy with its 95 % bootstrap interval; ECE is the expected calibration error (15 bins). "
            "Baselines: accuracy."
        )
        head += ["accuracy", "macro F1", "ECE", "most confident 80 %", *names]
    else:
        what = (
            "Entity F1 with its 95 % bootstrap interval: both ends and the label must agree. Baselines: F1."
        )
        head += ["entities", "F1", "precision", "recall", *names]
    table = [head, ["---"] * len(head), *rows]
    return [
        "## Figures",
        "",
        what,
        f"The temperature ({card.temperature:.3f}) was set on the calibration rows alone. The last training state is",
        "shipped: no epoch was chosen on any of these sets.",
        "",
        *("| " + " | ".join(row) + " |" for row in table),
        "",
    ]


def _reproduction(run: Run, joined_share: float) -> list[str]:
    lexicon = " --lexicon vader_lexicon.txt" if run.lexicon_words else ""
    plain = asdict(Recipe(joined_share=joined_share))
    options = "".join(
        f" --{name.replace('_', '-')} {value:g}"
        for name, value in asdict(run.recipe).items()
        if value != plain[name]
    )
    origin = ["The lexicon is the file of that name in `vaderSentiment==3.3.2`."] if run.lexicon_words else []
    return [
        "## Reproduce",
        "",
        "```",
        f"python -m routers.training.specialist --data DIR --base DIR --out DIR --task {run.task}{lexicon}{options}",
        "```",
        "",
        "`DIR`s: the folder with `tasks/` and `holdout_hashes.txt.gz`, the encoder's, and the one to write.",
        *origin,
        f"One thread makes it deterministic on one machine. Recipe: `{json.dumps(asdict(run.recipe))}`",
    ]
