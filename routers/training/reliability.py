"""Draws how far each head's confidence can be trusted on dev: `python -m routers.training.reliability --help`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from routers.artifact import SHIPPED
from routers.benchmark.diagram import save_diagrams
from routers.benchmark.reliability import measure
from routers.classifier import RequestClassifier
from routers.training.corpus import read_corpus
from routers.training.examples import of_part

if TYPE_CHECKING:
    from routers.benchmark.reliability import HeadReliability
    from routers.training.corpus import Corpus

PICTURE: Final = "reliability.png"
"""The diagrams beside an artifact."""


def draw(folder: Path, corpus: Corpus, file: Path) -> tuple[HeadReliability, ...]:
    """Measure the artifact in `folder` on the dev part, which nothing of it was fitted to, and draw the diagrams."""
    classifier = RequestClassifier.load(folder)
    rows = [*of_part(corpus.labelled, "dev"), *of_part(corpus.graded, "dev")]
    found = measure(classifier, tqdm(rows, desc="reliability", unit="text", mininterval=2.0))
    save_diagrams(found, f"Request classifier {classifier.version}, held-out rows", file)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure and draw the shipped classifier, or another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with routing/, tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--classifier", type=Path, default=SHIPPED, help="folder of the artifact")
    parser.add_argument("--out", type=Path, default=Path(PICTURE), help="PNG to write")
    options = parser.parse_args(arguments)
    for head in draw(options.classifier, read_corpus(options.data), options.out):
        print(  # noqa: T201 the result
            f"{head.head}: {len(head.confidence)} rows, ECE {head.error:.4f}, "
            f"of perfect probabilities {head.noise:.4f}"
        )


if __name__ == "__main__":
    main()
