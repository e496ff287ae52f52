"""`python -m routers.training.specialist.calibrate`: set what a trained specialist's held-out rows decide."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routers import risk
from routers.specialists import measures
from routers.specialists.registry import read_card
from routers.specialists.text import TextSpecialist, load_encoder
from routers.training.specialist import report
from routers.training.specialist.describe import describe
from routers.training.specialist.examples import Example, detokenise, read_hold_out, read_task, split_task
from routers.training.specialist.facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

IN_SCOPE_LOSS = 0.01
"""Share of the in-scope texts that may be lost to the threshold beyond those that are wrong without it."""


def main(argv: Sequence[str] | None = None) -> None:
    """Write `calibration.json` of text classifiers, and the threshold of those that know texts out of scope."""
    parser = argparse.ArgumentParser(
        prog="python -m routers.training.specialist.calibrate", description=main.__doc__
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--base", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("folders", type=Path, nargs="+", help="folders that the training command wrote")
    options = parser.parse_args(argv)
    digests = read_hold_out(options.data / "holdout_hashes.txt.gz")
    for folder in options.folders:
        calibrate(folder, options.data / "tasks", options.base, digests)


def calibrate(folder: Path, tasks: Path, base: Path, digests: frozenset[str]) -> None:
    """Let the specialist of one folder read the calibration rows of its task and write what they say."""
    card = read_card(folder)
    task = card.name.replace("-", "_")
    split = split_task(read_task(tasks / task), digests)
    typed = detokenise if facts_of(task, card.labels).spaced else str
    if card.kind != "text-classification":
        raise SystemExit(f"error: {folder} finds entities; only text classifiers are calibrated so")
    specialist = TextSpecialist(card, folder, load_encoder(card, base))
    if card.out_of_scope is not None:
        threshold = _scope_threshold(specialist, split.dev[::2])
        without = _scope_figures(specialist, split.dev[1::2])
        card = card.model_copy(update={"scope_threshold": round(threshold, 4)})
        report.write_config(folder, card)
        specialist = TextSpecialist(card, folder, specialist.encoder)
        figures = {
            "without threshold": without,
            "with threshold": _scope_figures(specialist, split.dev[1::2]),
        }
        record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        (folder / "report.json").write_text(json.dumps({**record, "scope": figures}, indent=1) + "\n")
        describe(folder)
    answers = specialist.predict([typed(example.text) for example in split.calibration])
    graded = [(a.confidence, a.label == e.label) for a, e in zip(answers, split.calibration, strict=True)]
    risk.write_table(
        folder / risk.FILE, risk.ConfidenceTable.of(graded, f"calibration rows of `{card.name}`")
    )


def _scope_threshold(specialist: TextSpecialist, examples: Sequence[Example]) -> float:
    """Return the highest threshold that keeps in-scope accuracy within `IN_SCOPE_LOSS` of what it is without."""
    outside = specialist.card.out_of_scope
    inside = [example for example in examples if example.label != outside]
    answers = specialist.predict([example.text for example in inside])
    right = np.array([a.label == e.label for a, e in zip(answers, inside, strict=True)])
    sure = np.sort(np.array([a.confidence for a in answers])[right])
    return float(sure[int(IN_SCOPE_LOSS * len(inside))])


def _scope_figures(specialist: TextSpecialist, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Return accuracy of in-scope texts and recall of the others, each with rows and 95 % interval."""
    answers = specialist.predict([example.text for example in examples])
    right = np.array([a.label == e.label for a, e in zip(answers, examples, strict=True)], dtype=np.float64)
    outside = np.array([example.label == specialist.card.out_of_scope for example in examples])
    found = {}
    for name, rows in (("in-scope accuracy", ~outside), ("out-of-scope recall", outside)):
        low, high = measures.bootstrap_interval(right[rows])
        found[name] = {"value": float(right[rows].mean()), "low": low, "high": high, "rows": int(rows.sum())}
    return found


if __name__ == "__main__":
    main()
