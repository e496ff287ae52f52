"""The first layers of MiniLM with the classifier's heads as a torch module, and its parts for `routers.transformer`."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from torch import nn

from routers import reading
from routers.features import FEATURES
from routers.training.base import BaseError
from routers.transformer import Shape, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.signals import RequestText
    from routers.tokenizer import Tokenizer
    from routers.training.network import Layers

    Floats = NDArray[np.float32]

SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors` of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)."""
HIDDEN: Final = 256
DROPOUT: Final = 0.3
_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_OF_BERT: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mixed": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
"""Names of `routers.transformer` -> those of a BERT layer in transformers."""


@dataclass(frozen=True, slots=True)
class Read:
    """A tokenised text: ids as BERT expects them, and text features."""

    ids: NDArray[np.int32]
    features: Floats


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded texts: ids and mask of shape (texts, longest), features of shape (texts, features)."""

    ids: torch.Tensor
    mask: torch.Tensor
    features: torch.Tensor


def read(tokenizer: Tokenizer, text: RequestText, limit: int) -> Read:
    """Tokenise one text to at most `limit` tokens."""
    tokens, features = reading.read(tokenizer, text)
    return Read(sequence(tokens, limit), features)


def collate(rows: Sequence[Read]) -> Batch:
    """Pad texts on the right to the longest of them."""
    longest = max(len(row.ids) for row in rows)
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.float32)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = row.ids
        mask[index, : len(row.ids)] = 1.0
    features = np.stack([row.features for row in rows])
    return Batch(torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(features))


def read_minilm(folder: Path, layers: int) -> tuple[tuple[str, ...], nn.Module]:
    """Vocabulary and encoder with its first `layers` layers, from a folder in Hugging Face's format.

    The unused entries of the vocabulary are left out and the special ones come first, as `routers.tokenizer` expects.
    Raises BaseError when a file is missing or the weights have another hash.
    """
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        if not (folder / name).is_file():
            raise BaseError(
                f"{folder / name} is missing: `pointsman models pull all-minilm-l6-v2` fetches it"
            )
    with (folder / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise BaseError(f"{folder}: model.safetensors has sha256 {found}, expected {SHA256} (MiniLM)")
    from transformers import AutoModel

    bert = AutoModel.from_pretrained(str(folder), local_files_only=True, attn_implementation="eager")
    pieces = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return renumbered(bert, pieces, layers)


def renumbered(bert: Any, pieces: dict[str, int], layers: int) -> tuple[tuple[str, ...], nn.Module]:  # noqa: ANN401
    """The vocabulary in our order, and the model cut to `layers` with its word embeddings in that order."""
    rest = [p for p in sorted(pieces, key=pieces.__getitem__) if p not in _SPECIAL and "[unused" not in p]
    vocabulary = (*_SPECIAL, *rest)
    embeddings = bert.embeddings
    order = torch.tensor([pieces[piece] for piece in vocabulary])
    weight = embeddings.word_embeddings.weight.detach()[order].clone()
    embeddings.word_embeddings = nn.Embedding(len(weight), weight.shape[1], _weight=weight, _freeze=True)
    bert.encoder.layer = bert.encoder.layer[:layers]
    bert.config.num_hidden_layers = layers
    return vocabulary, cast("nn.Module", bert)


class MiniLM(nn.Module):
    """Encoder, standardised features, one hidden layer, and the label heads."""

    def __init__(self, bert: nn.Module, features: Floats, tasks: int, domains: int) -> None:
        super().__init__()
        self.bert = bert
        self.register_buffer("mean", torch.from_numpy(features.mean(axis=0)))
        self.register_buffer("deviation", torch.from_numpy(np.maximum(features.std(axis=0), 0.02)))
        self.meaning = int(cast("Any", bert).config.hidden_size)
        """Entries of the encoder's own vector, the first of an input vector."""
        self.width = self.meaning + len(FEATURES)
        self.hidden = nn.Linear(self.width, HIDDEN)
        self.dropout = nn.Dropout(DROPOUT)
        self.task = nn.Linear(HIDDEN, tasks)
        self.domain = nn.Linear(HIDDEN, domains)
        self.flags = nn.Linear(HIDDEN, 2)

    def encode(self, batch: Batch) -> torch.Tensor:
        """The input vectors of a batch, shape (texts, width)."""
        last = self.bert(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        mean = (last * batch.mask[..., None]).sum(dim=1) / batch.mask.sum(dim=1, keepdim=True)
        meaning = nn.functional.normalize(mean, eps=1e-6) * math.sqrt(self.meaning)
        average, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        features = ((batch.features - average) / deviation).clamp(-5, 5)
        return torch.cat([meaning, features], dim=1)

    def label(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(task logits, domain logits, flag logits) of input vectors."""
        hidden = self.dropout(torch.relu(self.hidden(self.dropout(inputs))))
        return self.task(hidden), self.domain(hidden), self.flags(hidden)

    def heads(self) -> Iterator[nn.Parameter]:
        """Parameters of the heads."""
        for layer in (self.hidden, self.task, self.domain, self.flags):
            yield from layer.parameters()

    @torch.no_grad()
    def layers(self) -> Layers:
        """The served layers: weight and bias by name."""
        heads = {"hidden": self.hidden, "task": self.task, "domain": self.domain, "flags": self.flags}
        return {name: (_array(layer.weight), _array(layer.bias)) for name, layer in heads.items()}

    def shape(self, limit: int) -> Shape:
        """What the exported tensors alone do not say."""
        config = cast("Any", self.bert).config
        return Shape(config.num_hidden_layers, config.num_attention_heads, config.layer_norm_eps, limit)

    def encoder_parts(self) -> tuple[Floats, Floats, dict[str, Floats]]:
        """Words, positions and parts as `routers.transformer.tensors_of` takes them."""
        bert = cast("Any", self.bert)
        embeddings = bert.embeddings
        # There is one text, hence one token type: its vector is added to every position.
        positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        parts = _parameters("encoder.norm", embeddings.LayerNorm)
        for index, layer in enumerate(bert.encoder.layer):
            for name, path in _OF_BERT.items():
                parts |= _parameters(f"layer.{index}.{name}", layer.get_submodule(path))
        return _array(embeddings.word_embeddings.weight), _array(positions), parts


def _parameters(name: str, module: nn.Module) -> dict[str, Floats]:
    return {f"{name}.{kind}": _array(value) for kind, value in module.named_parameters()}


def _array(tensor: torch.Tensor) -> Floats:
    return tensor.detach().numpy()
