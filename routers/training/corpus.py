"""Everything that the request classifier may be trained and measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from routers.training import sources
from routers.training.examples import Holdout
from routers.training.instructions import InstructionWriter, read_payloads
from routers.training.personal import pii_examples

if TYPE_CHECKING:
    from pathlib import Path

    from routers.training.examples import Example, Part

SEED: Final = 20261124
WRITTEN: Final[tuple[tuple[Part, int, int], ...]] = (
    ("train", 42_000, 16),
    ("calibration", 4_000, 3),
    ("dev", 4_000, 3),
)
"""Requests to write for each part: how many with a payload, and how often each phrasing without one."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All examples, by what they teach."""

    labelled: list[Example]
    graded: list[Example]


def read_corpus(data: Path) -> Corpus:
    """Every example that is allowed for training, calibration and development; none of the hold-out."""
    holdout = Holdout.read(data / "holdout_hashes.txt.gz")
    labelled = [
        *sources.domain_examples(data, holdout),
        *sources.question_examples(data, holdout),
        *sources.injection_examples(data, holdout),
        *pii_examples(data, holdout, copies=4, written=12),
    ]
    payloads = read_payloads(data, holdout)
    for part, count, repeats in WRITTEN:
        writer = InstructionWriter(payloads, part=part, seed=str(SEED))
        labelled += [*writer.write(count), *writer.alone(repeats)]
    return Corpus(labelled=labelled, graded=list(sources.outcome_examples(data, holdout)))
