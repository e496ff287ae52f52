"""Trains the request classifier: `python -m routers.training.train --help`."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.artifact import dense_tensors, save, table_tensors
from routers.encoder import QuantisedColumns, QuantisedRows
from routers.features import FEATURES
from routers.labels import DOMAINS, TASKS
from routers.signals import RequestText
from routers.tokenizer import Tokenizer
from routers.training.base import read_base
from routers.training.calibrate import calibrate
from routers.training.card import write_card
from routers.training.corpus import SEED, read_corpus
from routers.training.crossfit import measured, out_of_fold
from routers.training.evaluate import evaluate, write_report
from routers.training.examples import of_part
from routers.training.labelling import fit_flags, fit_labels, outputs, targets_of
from routers.training.languages import read_catalogues, train_language_head
from routers.training.network import Network, prepare
from routers.training.outcomes import fit_abilities, graded, reformatted
from routers.training.perturb import perturbed
from routers.training.reliability import PICTURE, draw
from routers.training.routing import leave_one_source_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from routers.language import LanguageHead
    from routers.training.corpus import Corpus
    from routers.training.crossfit import OutOfFold
    from routers.training.examples import Example
    from routers.training.minilm import MiniLM
    from routers.training.network import Prepared
    from routers.training.outcomes import AbilityNetwork, Graded

EPOCHS: Final = 6
COPIES: Final = 4
"""Formats in which each graded request is shown."""


def prepare_all(tokenizer: Tokenizer, texts: list[RequestText]) -> list[Prepared]:
    """Tokenise every text, under a progress bar."""
    return [prepare(tokenizer, text) for text in tqdm(texts, desc="tokenise", unit="text", mininterval=2.0)]


def train_labels(
    corpus: Corpus, tokenizer: Tokenizer, vectors: NDArray[np.float32], *, epochs: int = EPOCHS
) -> Network:
    """The encoder and label heads, fitted on the training part."""
    examples = of_part(corpus.labelled, "train")
    rows = prepare_all(tokenizer, [e.text for e in examples])
    edited = prepare_all(tokenizer, [e.text for e in perturbed(examples, seed=SEED)])
    features = np.stack([row.features for row in rows])
    torch.manual_seed(SEED)
    network = Network(vectors, features, len(TASKS), len(DOMAINS))
    targets = targets_of(examples, TASKS, DOMAINS)
    fit_labels(network, rows, edited, targets, epochs=epochs, seed=SEED)
    fit_flags(network, rows, targets, seed=SEED)
    return network


def ability_inputs(
    network: Network, tokenizer: Tokenizer, examples: list[Example], *, copies: int
) -> NDArray[np.float32]:
    """Input vectors of graded requests: as they stand, then `copies - 1` times reformatted."""
    rng = random.Random(SEED)
    texts = [e.text for e in examples]
    for _ in range(copies - 1):
        texts += [RequestText(user=reformatted(e.text.user, rng)) for e in examples]
    return outputs(network, prepare_all(tokenizer, texts))[0]


def train_abilities(
    network: Network, tokenizer: Tokenizer, corpus: Corpus
) -> tuple[AbilityNetwork, Graded, OutOfFold, dict[str, Any]]:
    """The ability head on the frozen encoding, what others like it say of requests they have not seen, and how it
    does on each source when that is left out."""
    examples, held_back = of_part(corpus.graded, "train"), of_part(corpus.graded, "calibration")
    data, every = graded(examples), [*examples, *held_back]
    pooled = ability_inputs(network, tokenizer, every, copies=COPIES)
    of_train = np.concatenate([copy * len(every) + np.arange(len(examples)) for copy in range(COPIES)])
    inputs = pooled[of_train]
    ability = fit_abilities(inputs, data, copies=COPIES, seed=SEED)
    held_out = out_of_fold(pooled, every, data.models, copies=COPIES, seed=SEED)
    return ability, data, held_out, leave_one_source_out(inputs, examples, copies=COPIES, seed=SEED)


def static_tensors(network: Network) -> dict[str, NDArray[Any]]:
    """The tensors of the static encoder."""
    ngrams = np.hstack([_array(network.pairs.weight), _array(network.evidence.weight)])
    return {
        **table_tensors("words", QuantisedRows.of(_array(network.words.weight))),
        **table_tensors("ngrams", QuantisedColumns.of(ngrams)),
    }


def export(
    out: Path,
    vocabulary: tuple[str, ...],
    network: Network | MiniLM,
    encoder: Mapping[str, NDArray[Any]],
    ability: AbilityNetwork,
    models: tuple[str, ...],
    language: LanguageHead,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the artifact with identity calibration, and return its configuration for calibrating.

    `encoder` has the encoder's tensors, `settings` what the configuration says of it beyond them.
    """
    tensors: dict[str, NDArray[Any]] = {
        **encoder,
        "features.mean": _array(network.get_buffer("mean")),
        "features.deviation": _array(network.get_buffer("deviation")),
        "abilities": _array(ability.vectors),
        "language.bias": language.bias,
    }
    tensors |= table_tensors("language", language.table)
    for name, (weight, bias) in network.layers().items():
        tensors |= dense_tensors(name, weight, bias)
    tensors |= dense_tensors("ability", *ability.layer())
    identity = {"slope": 1.0, "offset": 0.0}
    config = {
        **(settings or {}),
        "tasks": list(TASKS),
        "domains": list(DOMAINS),
        "abilities": list(models),
        "languages": list(language.codes),
        "language_threshold": language.threshold,
        "calibration": {
            "task_temperature": 1.0,
            "domain_temperature": 1.0,
            **dict.fromkeys(("pii", "injection", "success", "difficulty"), identity),
        },
    }
    save(out, config, vocabulary, tensors)
    return config


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().numpy()


def english_texts(corpus: Corpus) -> list[str]:
    """Texts that are surely English, for the language head."""
    return [e.text.user for e in corpus.labelled if e.source in ("clinc150", "trec", "gsm8k_train")]


def main(arguments: list[str] | None = None) -> None:
    """Train, calibrate, evaluate and write the artifact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with routing/, tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--base", type=Path, required=True, help="folder or wheel that holds potion-base-8M")
    parser.add_argument("--catalogues", type=Path, required=True, help="Django wheel, for the language head")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the artifact to")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    vocabulary, vectors = read_base(options.base)
    tokenizer = Tokenizer(vocabulary)
    corpus = read_corpus(options.data)
    language, language_report = train_language_head(
        read_catalogues(options.catalogues), english_texts(corpus)
    )
    network = train_labels(corpus, tokenizer, vectors)
    ability, data, held_out, transfer = train_abilities(network, tokenizer, corpus)
    config = export(options.out, vocabulary, network, static_tensors(network), ability, data.models, language)
    calibrate(options.out, config, corpus.labelled, held_out)
    report = evaluate(options.out, corpus.labelled, corpus.graded)
    report |= {
        "language": language_report,
        "leave_one_source_out": transfer,
        "cross_fitted": measured(held_out),
    }
    write_report(options.out, report)
    write_card(options.out, report, features=len(FEATURES))
    draw(options.out, corpus, options.out / PICTURE)


if __name__ == "__main__":
    main()
