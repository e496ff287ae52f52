"""`pointsman bench classifier`: whether the classifier's confidences hold on labelled requests."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from routers.benchmark.reliability import HeadReliability
    from routers.graded import Graded


@dataclass(frozen=True, slots=True)
class _Measured:
    version: str
    rows: int
    heads: tuple[HeadReliability, ...]


def classifier(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="JSON Lines, .gz or not: `prompt` or `messages`, and any of `task`, `domain`, `pii`, `injection`, "
            "`outcomes`.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--classifier", help="Folder of a classifier; the shipped one when not given."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the reliability diagrams to this PNG file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Calibration error of every head on labelled requests, and reliability diagrams."""
    from routers.artifact import ArtifactError
    from routers.benchmark.errors import BenchmarkError
    from routers.graded import GradedFileError, read_labelled

    try:
        rows = [row for file in files for row in read_labelled(file).rows]
        measured = _measure(rows, folder)
        if plot is not None:
            from routers.benchmark.diagram import save_diagrams

            save_diagrams(
                measured.heads, f"Request classifier {measured.version}, {len(rows):,} requests", plot
            )
    except (ArtifactError, BenchmarkError, GradedFileError) as failed:
        print(failed, file=sys.stderr)
        raise typer.Exit(1) from failed
    if as_json:
        print(json.dumps(_as_json(measured), indent=2))
    else:
        _show(measured)


def _measure(rows: list[Graded], folder: Path | None) -> _Measured:
    from routers.benchmark.errors import BenchmarkError
    from routers.benchmark.reliability import FEWEST, measure
    from routers.classifier import RequestClassifier

    found = RequestClassifier.load(folder)
    heads = measure(found, rows)
    if not heads:
        raise BenchmarkError(
            f"none of the {len(rows)} rows can judge a head: label at least {FEWEST} of them with `task`, `domain`, "
            "`pii`, `injection`, or `outcomes` of a model that the classifier knows"
        )
    return _Measured(found.version, len(rows), heads)


def _as_json(measured: _Measured) -> dict[str, Any]:
    return {
        "classifier": measured.version,
        "rows": measured.rows,
        "heads": {
            head.head: {
                "rows": len(head.confidence),
                "mean_confidence": float(head.confidence.mean()),
                "came_true": float(head.correct.mean()),
                "calibration_error": head.error,
                "noise": head.noise,
                "bins": [found._asdict() for found in head.bins],
            }
            for head in measured.heads
        },
    }


def _show(measured: _Measured) -> None:
    from gateway.cli.bench.routing_tables import console, figures_table

    table = figures_table(
        f"classifier {measured.version}, {measured.rows:,} requests",
        "head", "rows", "confidence", "came true", "calibration error", "of perfect probabilities",
    )  # fmt: skip
    for head in measured.heads:
        figures = (head.confidence.mean(), head.correct.mean(), head.error, head.noise)
        table.add_row(head.head, f"{len(head.confidence):,}", *(f"{figure:.3f}" for figure in figures))
    console().print(table)
    console().print(
        "An error near that of perfect probabilities on as many rows is no evidence against the confidences.",
        highlight=False,
    )
