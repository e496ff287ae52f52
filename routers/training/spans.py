"""Trains the finder of personal spans: `python -m routers.training.spans --help`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.calibration import fit_temperature
from routers.encoder import QuantisedRows
from routers.training.base import read_base
from routers.training.corpus import SEED, read_corpus
from routers.training.examples import Holdout, of_part
from routers.training.span_card import write_card
from routers.training.span_examples import marked_texts
from routers.training.span_network import WIDTH, Preparer, SpanNetwork, export, fit
from routers.training.span_report import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routers.training.span_examples import Marked
    from routers.training.span_network import Prepared

_LONGEST: Final = 2_000
"""Characters of a training text at most."""


def prepared(preparer: Preparer, texts: Sequence[Marked]) -> list[Prepared]:
    """Arrays of every text that has words, under a progress bar."""
    usable = [m for m in texts if any(c.isalnum() for c in m.text) and len(m.text) <= _LONGEST]
    return [preparer(m) for m in tqdm(usable, desc="read", unit="text", mininterval=2.0)]


@torch.no_grad()
def temperature_of(network: SpanNetwork, texts: Sequence[Prepared]) -> float:
    """The temperature of the labels, fitted on texts that were not trained on."""
    logits = torch.cat([network([text])[0] for text in texts]).numpy()
    return fit_temperature(logits, np.concatenate([text.labels for text in texts]))


def main(arguments: list[str] | None = None) -> None:
    """Train, calibrate, evaluate and write the artifact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with routing/, tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--base", type=Path, required=True, help="folder or wheel that holds potion-base-8M")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the artifact to")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    vocabulary, vectors = read_base(options.base)
    table = QuantisedRows.of(vectors[:, :WIDTH])
    texts = marked_texts(options.data, Holdout.read(options.data / "holdout_hashes.txt.gz"))
    parts = {part: [m for m in texts if m.part == part] for part in ("train", "calibration", "dev")}
    preparer = Preparer(vocabulary, table)
    torch.manual_seed(SEED)
    network = SpanNetwork()
    fit(network, prepared(preparer, parts["train"]), seed=SEED)
    temperature = temperature_of(network, prepared(preparer, parts["calibration"]))
    export(options.out, vocabulary, table, network, temperature)
    report = evaluate(options.out, parts["dev"], of_part(read_corpus(options.data).labelled, "dev"))
    write_card(options.out, report)


if __name__ == "__main__":
    main()
