"""Trains the request classifier on a fine-tuned MiniLM: `python -m routers.training.tune --help`.

Three steps, because a pass through the encoder is what costs: encoder and heads together on a small balanced sample,
then the heads alone on a larger one, then the abilities, both on vectors that are computed once.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.features import FEATURES
from routers.labels import DOMAINS, TASKS
from routers.tokenizer import Tokenizer
from routers.training.calibrate import calibrate
from routers.training.card import write_card
from routers.training.corpus import SEED, read_corpus
from routers.training.crossfit import measured, out_of_fold
from routers.training.evaluate import evaluate, write_report
from routers.training.examples import of_part
from routers.training.labelling import EDITED_SHARE, loss_of, rate, targets_of
from routers.training.languages import read_catalogues, train_language_head
from routers.training.minilm import MiniLM, collate, read, read_minilm
from routers.training.outcomes import Meaning, fit_abilities, graded
from routers.training.perturb import perturbed
from routers.training.routing import leave_one_source_out
from routers.training.train import english_texts, export
from routers.transformer import tensors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.training.examples import Example
    from routers.training.labelling import Targets
    from routers.training.minilm import Read

    Floats = NDArray[np.float32]

LAYERS: Final = 3
"""Of six. Each costs as much again, in training and for every request."""
LIMIT: Final = 64
"""Tokens of a text at most; what is asked stands at its ends."""
TUNED: Final = 6_000
"""Training requests for the encoder, balanced over task and domain."""
SAMPLED: Final = 12_000
"""Training requests for the heads, balanced likewise; they include the former."""
EPOCHS: Final = 2
HEAD_EPOCHS: Final = 20
BATCH: Final = 32
_ENCODER_RATE: Final = 1e-4
_HEAD_RATE: Final = 1e-3
_FLIPS: Final = 300
"""Requests whose route is tried after each edit."""
_POOL: Final = 32
"""Batches that are sorted by length together, so that little is padding."""


def sample(examples: Sequence[Example], size: int, *, seed: int) -> list[Example]:
    """`size` examples without replacement, rarer combinations of labels more likely (Efraimidis and Spirakis 2006).

    Ordered by their draw: a smaller sample of the same examples and seed is the beginning of a larger one.
    """
    kinds = [(e.task, e.domain, e.pii, e.injection) for e in examples]
    counts = Counter(kinds)
    weights = np.array([counts[kind] ** -0.5 for kind in kinds])
    keys = np.random.default_rng(seed).random(len(examples)) ** (1 / weights)
    return [examples[i] for i in np.argsort(-keys)[:size]]


def fit_encoder(
    network: MiniLM, rows: Sequence[Read], targets: Targets, *, epochs: int = EPOCHS, seed: int = SEED
) -> None:
    """Train encoder and heads in place with Adam, warm-up and cosine decay; deterministic on one thread.

    The word embeddings stay: the sample holds few of the words.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = [p for n, p in network.bert.named_parameters() if n.startswith("encoder.")]
    optimiser = torch.optim.AdamW(
        [
            {"params": layers, "lr": _ENCODER_RATE, "weight_decay": 0.01},
            {"params": list(network.heads()), "lr": _HEAD_RATE, "weight_decay": 0.01},
        ]
    )
    network.bert.embeddings.requires_grad_(False)
    steps = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
    network.train()
    with tqdm(total=steps, desc="encoder", unit="step", mininterval=2.0) as progress:
        for _ in range(epochs):
            for index in batches([len(row.ids) for row in rows], generator):
                batch = collate([rows[i] for i in index])
                loss = loss_of(network.label(network.encode(batch)), targets, index)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                schedule.step()
                progress.update()
                progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    network.eval()


def batches(lengths: Sequence[int], generator: torch.Generator) -> list[NDArray[np.int64]]:
    """Every row once, in batches of texts about as long as each other, in random order."""
    order, found = torch.randperm(len(lengths), generator=generator).numpy(), []
    for start in range(0, len(order), BATCH * _POOL):
        pool = order[start : start + BATCH * _POOL]
        pool = pool[np.argsort(np.array(lengths)[pool], kind="stable")]
        found += np.split(pool, range(BATCH, len(pool), BATCH))
    return [found[i] for i in torch.randperm(len(found), generator=generator).tolist()]


@torch.no_grad()
def vectors_of(network: MiniLM, rows: Sequence[Read], what: str) -> Floats:
    """Input vectors of texts, shape (texts, width), under a progress bar."""
    network.eval()
    order = np.argsort([len(row.ids) for row in rows], kind="stable")
    found = np.zeros((len(rows), network.width), dtype=np.float32)
    for index in tqdm(np.split(order, range(BATCH, len(order), BATCH)), desc=what, unit="batch"):
        found[index] = network.encode(collate([rows[i] for i in index])).numpy()
    return found


def fit_heads(network: MiniLM, inputs: Floats, targets: Targets, *, epochs: int = HEAD_EPOCHS) -> None:
    """Train the heads alone, on vectors of shape (rows, width)."""
    generator, x = torch.Generator().manual_seed(SEED), torch.from_numpy(inputs)
    optimiser = torch.optim.AdamW(network.heads(), lr=_HEAD_RATE, weight_decay=0.02)
    steps = epochs * -(-len(x) // (8 * BATCH))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
    network.train()
    for _ in tqdm(range(epochs), desc="heads", unit="epoch"):
        for index in torch.split(torch.randperm(len(x), generator=generator), 8 * BATCH):
            loss = loss_of(network.label(x[index]), targets, index.numpy())
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    network.eval()


def train_labels(
    examples: Sequence[Example], tokenizer: Tokenizer, bert: torch.nn.Module, *, frozen: bool
) -> MiniLM:
    """Encoder and heads, fitted on samples of the training part; the heads alone when `frozen`."""
    drawn = perturbed(sample(examples, SAMPLED, seed=SEED), seed=SEED, share=EDITED_SHARE)
    rows = [read(tokenizer, e.text, LIMIT) for e in tqdm(drawn, desc="tokenise", unit="text")]
    torch.manual_seed(SEED)
    network = MiniLM(bert, np.stack([row.features for row in rows]), len(TASKS), len(DOMAINS))
    if not frozen:
        tuned = targets_of(drawn[:TUNED], TASKS, DOMAINS)
        fit_encoder(network, rows[:TUNED], tuned)
    fit_heads(network, vectors_of(network, rows, "encode"), targets_of(drawn, TASKS, DOMAINS))
    return network


def main(arguments: list[str] | None = None) -> None:
    """Train, calibrate, evaluate and write the artifact."""
    options = _options(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    vocabulary, bert = read_minilm(options.base, options.layers)
    tokenizer, corpus = Tokenizer(vocabulary), read_corpus(options.data)
    language, language_report = train_language_head(
        read_catalogues(options.catalogues), english_texts(corpus)
    )
    network = train_labels(of_part(corpus.labelled, "train"), tokenizer, bert, frozen=options.frozen)
    examples = of_part(corpus.graded, "train")
    every = [*examples, *of_part(corpus.graded, "calibration")]
    outcomes = graded(examples)
    pooled = vectors_of(network, [read(tokenizer, e.text, LIMIT) for e in every], "abilities")
    inputs = pooled[: len(examples)]
    meaning = Meaning(range(network.meaning), 8.0 / network.meaning**0.5)
    ability = fit_abilities(inputs, outcomes, seed=SEED, meaning=meaning)
    held_out = out_of_fold(pooled, every, outcomes.models, copies=1, seed=SEED, meaning=meaning)
    transfer = leave_one_source_out(inputs, examples, copies=1, seed=SEED, meaning=meaning)
    encoder = tensors_of(*network.encoder_parts())
    shape: dict[str, Any] = dataclasses.asdict(network.shape(LIMIT))
    config = export(
        options.out, vocabulary, network, encoder, ability, outcomes.models, language, {"transformer": shape}
    )
    calibrate(options.out, config, corpus.labelled, held_out)
    report = evaluate(options.out, corpus.labelled, corpus.graded, flips=_FLIPS)
    report |= {
        "language": language_report,
        "leave_one_source_out": transfer,
        "cross_fitted": measured(held_out),
    }
    write_report(options.out, report)
    write_card(options.out, report, features=len(FEATURES))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with routing/, tasks/ and holdout_hashes.txt.gz"
    )
    parser.add_argument("--base", type=Path, required=True, help="folder that holds all-MiniLM-L6-v2")
    parser.add_argument("--catalogues", type=Path, required=True, help="Django wheel, for the language head")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the artifact to")
    parser.add_argument(
        "--layers", type=int, default=LAYERS, choices=range(1, 7), help="layers that are kept"
    )
    parser.add_argument(
        "--frozen", action="store_true", help="leave the encoder as it is, fit the heads alone"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
