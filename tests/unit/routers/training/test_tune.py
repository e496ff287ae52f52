"""Fine-tuning on a tiny random BERT: it learns, repeats, and what is exported serves the same answers without torch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from routers.classifier import RequestClassifier
from routers.encoder import QuantisedRows
from routers.labels import DOMAINS, REFERENCE_MODEL, TASKS
from routers.language import TRIGRAM_BITS, LanguageHead
from routers.signals import RequestText
from routers.tokenizer import Tokenizer
from routers.training.examples import Example
from routers.training.labelling import targets_of
from routers.training.minilm import MiniLM, Read, read, renumbered
from routers.training.outcomes import Meaning, fit_abilities, graded, input_columns
from routers.training.train import export
from routers.training.tune import BATCH, batches, fit_encoder, fit_heads, sample, vectors_of
from routers.transformer import tensors_of

WORDS = ["sort", "this", "list", "tell", "me", "a", "joke", "now", "please", ".", "?"]
PIECES = {p: n for n, p in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
LIMIT = 12


def examples() -> list[Example]:
    """Ninety-six rows of two tasks that the words tell apart, of different lengths."""
    kinds = (("chat", "everyday chat", "tell me a joke"), ("code", "code", "sort this list"))
    return [
        Example(
            RequestText(user=f"{words} {'now ' * (n % 4)}{'.' * (n % 3)}"), "toy", "train", task, domain,
            pii=n % 2 == 0, injection=False, outcomes={REFERENCE_MODEL: float(n % 2), "other": 1.0},
        )
        for n in range(96)
        for task, domain, words in [kinds[n % 2]]
    ]  # fmt: skip


def trained() -> tuple[MiniLM, tuple[str, ...], list[Read]]:
    """A tiny network after two epochs."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16, attn_implementation="eager",
    )  # fmt: skip
    vocabulary, bert = renumbered(BertModel(config), PIECES, 1)
    rows = [read(Tokenizer(vocabulary), e.text, LIMIT) for e in examples()]
    torch.manual_seed(1)
    network = MiniLM(bert, np.stack([r.features for r in rows]), len(TASKS), len(DOMAINS))
    targets = targets_of(examples(), TASKS, DOMAINS)
    fit_encoder(network, rows, targets, epochs=2)
    fit_heads(network, vectors_of(network, rows, "encode"), targets, epochs=60)
    return network, vocabulary, rows


@pytest.fixture(scope="module")
def tiny():
    """The network, its vocabulary and its rows."""
    return trained()


def test_training_repeats_and_moves_the_layers_but_not_the_words(tiny) -> None:
    """The same seed gives the same weights; word embeddings are as they were."""
    network, _, _ = tiny
    again, _, _ = trained()
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    torch.manual_seed(0)
    assert not network.bert.embeddings.word_embeddings.weight.requires_grad


def test_the_exported_artifact_serves_what_was_trained(tiny, tmp_path) -> None:
    """The folder loads as a classifier that is not quick, and its answers are those of the labels."""
    network, vocabulary, rows = tiny
    inputs = vectors_of(network, rows, "encode")
    data = graded(examples())
    ability = fit_abilities(inputs, data, quiet=True, meaning=Meaning(range(network.meaning), 2.0))
    table = QuantisedRows.of(np.ones((2**TRIGRAM_BITS, 2), dtype=np.float32))
    language = LanguageHead(("en", "de"), table, np.zeros(2, dtype=np.float32), 0.9)
    settings = {"transformer": dataclasses.asdict(network.shape(LIMIT))}
    encoder = tensors_of(*network.encoder_parts())
    export(tmp_path, vocabulary, network, encoder, ability, data.models, language, settings)
    classifier = RequestClassifier.load(tmp_path)
    assert not classifier.quick
    for example, trained_vector in zip(examples()[:8], inputs, strict=False):
        signals = classifier.classify(example.text)
        assert (signals.task, signals.domain) == (example.task, example.domain)
        assert set(signals.success) == {REFERENCE_MODEL, "other"}
        assert np.abs(classifier.inputs(example.text) - trained_vector).max() < 0.15
    assert classifier.classify(RequestText(user="joke " * 10_000)).tokens == pytest.approx(10_000, rel=0.01)


def test_a_smaller_sample_begins_a_larger_one_and_rare_labels_are_likelier() -> None:
    """What the encoder is tuned on is part of what the heads are fitted to."""
    rows = examples() + [Example(RequestText(user=f"rare {n}"), "toy", "train", "math") for n in range(4)]
    small, large = sample(rows, 20, seed=3), sample(rows, 60, seed=3)
    assert large[:20] == small
    assert len({id(e) for e in large}) == 60
    drawn = [sum(e.task == "math" for e in sample(rows, 20, seed=s)) for s in range(40)]
    assert np.mean(drawn) > 2 * 20 * 4 / len(rows)


def test_batches_hold_every_row_once_and_texts_of_like_length() -> None:
    """Little is padding."""
    lengths = np.random.default_rng(0).integers(2, 64, 500).tolist()
    found = batches(lengths, torch.Generator().manual_seed(0))
    assert sorted(np.concatenate(found).tolist()) == list(range(500))
    spread = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in found]
    assert max(map(len, found)) == BATCH
    assert np.mean(spread) < 10


def test_the_ability_head_sees_meaning_and_form_only() -> None:
    """Columns of the encoder's own vector come first, scaled."""
    columns, scales = input_columns(100, Meaning(range(8), 0.5))
    assert columns[:8].tolist() == list(range(8))
    assert scales[:8].tolist() == [0.5] * 8
    assert all(60 < c < 100 for c in columns[8:].tolist()) or columns[8:].min() >= 100 - 41
