"""`python -m routers.training.specialist.describe FOLDER…`: write what facts.toml says into trained specialists."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from routers.specialists.registry import HeldOut, HeldOutSpans, SpecialistCard, read_card
from routers.training.specialist import report
from routers.training.specialist.card import write_card_text
from routers.training.specialist.facts import facts_of
from routers.training.specialist.fit import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Rewrite `config.json` and `CARD.md` of each folder from its weights' `report.json` and the written facts."""
    parser = argparse.ArgumentParser(
        prog="python -m routers.training.specialist.describe", description=main.__doc__
    )
    parser.add_argument("folders", type=Path, nargs="+", help="folders that the training command wrote")
    for folder in parser.parse_args(argv).folders:
        describe(folder)


def describe(folder: Path) -> None:
    """Bring one folder's words, description and card up to date; the figures stay as they were measured."""
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    given = record["run"]
    run = report.Run(given["task"], Recipe(**given["recipe"]), given["sizes"], given["lexicon_words"])
    before = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    facts = facts_of(run.task, tuple(before["labels"]))
    card = SpecialistCard.model_validate(
        {
            **before,
            **report.described(facts),
            "description": facts.description,
            "max_tokens": run.recipe.max_tokens,
            "licence": facts.licence or before["licence"],
        }
    )
    report.write_config(folder, card)
    facts = replace(facts, further="\n".join([facts.further, *_scope(record.get("scope", {}), card)]).strip())
    evaluations = [_evaluation(row) for row in record["evaluations"]]
    write_card_text(folder, read_card(folder), facts, run, evaluations)  # type: ignore[arg-type]  # all of one kind


def _scope(figures: dict[str, dict[str, dict[str, float]]], card: SpecialistCard) -> list[str]:
    """Return what the card says of texts out of scope."""
    if not figures:
        return []
    lines = [
        f"Below a confidence of {card.scope_threshold} a text is given the label `{card.out_of_scope}`. The threshold",
        "was set on every other dev row, to cost at most a point of in-scope accuracy; the figures are of the rest:",
        "",
        "| | in-scope accuracy | out-of-scope recall |",
        "| --- | --- | --- |",
    ]
    for name, found in figures.items():
        cells = [
            f"{f['value']:.3f} ({f['low']:.3f}-{f['high']:.3f}), {f['rows']} rows" for f in found.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _evaluation(row: dict[str, object]) -> report.Evaluation | report.SpanEvaluation:
    if "coverage" in row:
        return report.Evaluation(
            HeldOut.model_validate(row["held_out"]),
            row["baselines"],  # type: ignore[arg-type]  # as `asdict_evaluation` wrote it
            row["coverage"],  # type: ignore[arg-type]
        )
    return report.SpanEvaluation(HeldOutSpans.model_validate(row["held_out"]), row["baselines"])  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
