"""The numpy transformer against the library that defines it, on tiny random weights."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from routers.encoder import QuantisedRows
from routers.features import FEATURES
from routers.tokenizer import SHAPE_BITS, Tokens
from routers.training.base import BaseError
from routers.training.minilm import MiniLM, Read, collate, read_minilm, renumbered
from routers.transformer import Shape, assemble, cut, gelu, sequence, tensors_of

PIECES = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(34))]
LIMIT = 24


def tiny_bert() -> BertModel:
    """Two random layers of width 16 whose matrices survive quantising: they hold 127ths of each row's largest entry."""
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(
            vocab_size=len(PIECES),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=40,
            max_position_embeddings=32,
            attn_implementation="eager",
        )
    ).eval()
    with torch.no_grad():
        for name, weight in bert.named_parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
            if weight.dim() == 2 and "position" not in name and "token_type" not in name:
                table = QuantisedRows.of(weight.numpy())
                weight.copy_(torch.from_numpy(table.take(np.arange(len(weight)))))
        positions = bert.embeddings.position_embeddings.weight
        kind = bert.embeddings.token_type_embeddings.weight[0]
        positions.copy_((positions + kind).half().float() - kind)
    return bert


@pytest.fixture(scope="module")
def network() -> MiniLM:
    """The tiny BERT in our vocabulary order, with heads."""
    vocabulary, bert = renumbered(tiny_bert(), {piece: n for n, piece in enumerate(PIECES)}, 2)
    assert vocabulary[:6] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "w0")
    assert len(vocabulary) == len(PIECES) - 1
    rng = np.random.default_rng(0)
    return MiniLM(bert, rng.normal(size=(5, len(FEATURES))).astype(np.float32), 3, 3).eval()


def served(network: MiniLM):
    """The same encoder in numpy."""
    return assemble(network.shape(LIMIT), tensors_of(*network.encoder_parts()))


@pytest.mark.parametrize("length", [2, 3, 11, LIMIT])
def test_hidden_states_are_those_of_transformers(network, length) -> None:
    """Every token's vector agrees to 1e-4 with the reference implementation."""
    ids = np.random.default_rng(length).integers(5, 39, length).astype(np.int32)
    with torch.no_grad():
        reference = network.bert(input_ids=torch.from_numpy(ids[None].astype(np.int64))).last_hidden_state[0]
    assert np.abs(served(network).hidden(ids) - reference.numpy()).max() < 1e-4


def test_a_request_gets_the_vector_that_the_heads_were_trained_on(network) -> None:
    """Pooling and scaling agree too, also for a text that was padded beside a longer one."""
    rng = np.random.default_rng(1)
    texts = [Tokens(np.zeros(0, np.int32), rng.integers(5, 39, n).astype(np.int32), n) for n in (4, 60)]
    rows = [Read(sequence(t, LIMIT), np.zeros(len(FEATURES), dtype=np.float32)) for t in texts]
    with torch.no_grad():
        trained = network.encode(collate(rows)).numpy()[:, : network.meaning]
    for tokens, expected in zip(texts, trained, strict=True):
        vector = served(network)(tokens)
        assert np.abs(vector - expected).max() < 1e-4
        assert np.mean(vector**2) == pytest.approx(1, abs=1e-4)


def test_quantising_costs_little(network) -> None:
    """Matrices that are not made for it lose less than 2 % of the vector's direction."""
    words, positions, parts = network.encoder_parts()
    rng = np.random.default_rng(2)
    rough = {
        n: p + rng.normal(size=p.shape).astype(np.float32) * 0.02 * (p.ndim == 2) for n, p in parts.items()
    }
    stored = tensors_of(words, positions, rough)
    exact = {**stored, **{f"{n}.rows": p for n, p in rough.items() if p.ndim == 2}}
    exact |= {f"{n}.scales": np.ones(len(p), np.float32) for n, p in rough.items() if p.ndim == 2}
    tokens = Tokens(np.zeros(0, np.int32), np.arange(5, 20, dtype=np.int32), 15)
    shape = network.shape(LIMIT)
    a, b = assemble(shape, stored)(tokens), assemble(shape, exact)(tokens)
    assert float(a @ b) / len(a) > 0.98
    assert all(array.dtype == np.int8 for name, array in stored.items() if name.endswith(".rows"))


def test_gelu_is_exact_to_float32() -> None:
    """x * Phi(x) by the error function of the standard library."""
    x = np.linspace(-6, 6, 2001, dtype=np.float32)
    exact = [float(v) * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in x]
    assert np.abs(gelu(x) - np.array(exact)).max() < 1e-6


def test_a_long_text_keeps_head_and_tail_and_the_system_text_its_share() -> None:
    """At most `limit` tokens, shapes stripped, markers in their places."""
    system = np.arange(100, 150, dtype=np.int32)
    user = np.arange(1000, 1200, dtype=np.int32) | 3 << SHAPE_BITS
    ids = sequence(Tokens(system, user, 250), LIMIT).tolist()
    assert len(ids) == LIMIT
    assert ids[0] == 2
    assert ids[1:7] == [100, 101, 102, 103, 148, 149]
    assert ids[7] == 3
    assert ids[8:13] == [1000, 1001, 1002, 1003, 1004]
    assert ids[-2:] == [1199, 3]
    assert sequence(Tokens(system[:0], user[:0], 0), LIMIT).tolist() == [2, 3]
    assert cut(np.arange(5, dtype=np.int32), 5).tolist() == [0, 1, 2, 3, 4]
    assert Shape(1, 1, 0.0, LIMIT).limit == LIMIT


def test_another_checkpoint_is_refused(tmp_path) -> None:
    """The message names the missing file, or both hashes."""
    with pytest.raises(BaseError, match=r"model\.safetensors is missing: `pointsman models pull"):
        read_minilm(tmp_path, 3)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / name).write_text(json.dumps({}))
    with pytest.raises(BaseError, match="expected 53aa5117"):
        read_minilm(tmp_path, 3)
