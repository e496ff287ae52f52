"""The classifier as a torch module: the arithmetic of `routers.encoder` and `routers.heads`, with gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn

from routers.encoder import EVIDENCE_WIDTH, NGRAM_BITS, PAIR_WIDTH, WINDOWS, ngram_ids, window_spans
from routers.features import FEATURES
from routers.reading import read
from routers.tokenizer import SHAPE_BITS, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.signals import RequestText

    Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

HIDDEN: Final = 128
FLAGS: Final = 2
"""Personal data and injection. They have a linear path from the input beside the hidden layer: what tells of them is
often a single word or feature, which a narrow layer shared with task and domain has no room for."""
INPUT_DROPOUT: Final = 0.15
HIDDEN_DROPOUT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tokenised text, ready to be batched."""

    ids: NDArray[np.int32]
    spans: tuple[tuple[int, int], ...]
    ngrams: NDArray[np.int32]
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """Concatenated indices of many texts; offsets as `nn.EmbeddingBag` takes them."""

    windows: tuple[torch.Tensor, torch.Tensor]
    """All texts' first window, then all texts' second, and so on: one look-up, hence one gradient a step."""
    ngrams: tuple[torch.Tensor, torch.Tensor]
    features: torch.Tensor


def prepare(tokenizer: Tokenizer, text: RequestText) -> Prepared:
    """Tokenise once; training reads the result in every epoch."""
    tokens, features = read(tokenizer, text)
    packed = tokens.packed
    return Prepared(
        ids=packed & ((1 << SHAPE_BITS) - 1),
        spans=window_spans(len(packed), len(tokens.system)),
        ngrams=ngram_ids(packed).astype(np.int32),
        features=features,
    )


def collate(rows: Sequence[Prepared]) -> Batch:
    """Join prepared texts into one batch."""
    windows = [row.ids[slice(*row.spans[w])] for w in range(len(WINDOWS)) for row in rows]
    return Batch(
        windows=_bag(windows),
        ngrams=_bag([row.ngrams for row in rows]),
        features=torch.from_numpy(np.stack([row.features for row in rows])),
    )


def _bag(parts: Sequence[NDArray[np.int32]]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = np.array([len(part) for part in parts])
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return torch.from_numpy(np.concatenate(parts).astype(np.int64)), torch.from_numpy(offsets)


class Network(nn.Module):
    """Tables, standardised features, one hidden layer, the label heads, and a direct path to the flags."""

    def __init__(
        self, vectors: NDArray[np.float32], features: NDArray[np.float32], tasks: int, domains: int
    ) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag.from_pretrained(
            torch.from_numpy(vectors.copy()), freeze=False, mode="mean"
        )
        self.pairs = nn.EmbeddingBag(2**NGRAM_BITS, PAIR_WIDTH, mode="mean")
        self.evidence = nn.EmbeddingBag(2**NGRAM_BITS, EVIDENCE_WIDTH, mode="max")
        nn.init.normal_(self.pairs.weight, std=0.1)
        nn.init.normal_(self.evidence.weight, std=0.02)
        self.register_buffer("mean", torch.from_numpy(features.mean(axis=0)))
        self.register_buffer("deviation", torch.from_numpy(np.maximum(features.std(axis=0), 0.02)))
        self.width = len(WINDOWS) * vectors.shape[1] + PAIR_WIDTH + EVIDENCE_WIDTH + len(FEATURES)
        self.hidden = nn.Linear(self.width, HIDDEN)
        self.input_dropout, self.dropout = nn.Dropout(INPUT_DROPOUT), nn.Dropout(HIDDEN_DROPOUT)
        self.task = nn.Linear(HIDDEN, tasks)
        self.domain = nn.Linear(HIDDEN, domains)
        self.flags = nn.Linear(HIDDEN, FLAGS)
        self.direct = nn.Linear(self.width, FLAGS, bias=False)
        nn.init.zeros_(self.direct.weight)

    def encode(self, batch: Batch) -> torch.Tensor:
        """The input vectors of a batch, shape (texts, width)."""
        pooled = nn.functional.normalize(self.words(*batch.windows), eps=1e-6)
        pooled = pooled.view(len(WINDOWS), len(batch.features), -1).transpose(0, 1).flatten(1)
        mean, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        features = ((batch.features - mean) / deviation).clamp(-5, 5)
        return torch.cat([pooled, self.pairs(*batch.ngrams), self.evidence(*batch.ngrams), features], dim=1)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(task logits, domain logits, flag logits)."""
        inputs = self.input_dropout(self.encode(batch))
        hidden = self.dropout(torch.relu(self.hidden(inputs)))
        return self.task(hidden), self.domain(hidden), self.flags(hidden) + self.direct(inputs)

    @torch.no_grad()
    def layers(self) -> Layers:
        """The served layers. The direct path to a flag becomes two hidden units, as x = relu(x) - relu(-x)."""
        direct, none = self.direct.weight, torch.zeros(2 * FLAGS)
        sign = torch.cat([torch.eye(FLAGS), -torch.eye(FLAGS)])
        return {
            "hidden": (
                torch.cat([self.hidden.weight, sign @ direct]).numpy(),
                torch.cat([self.hidden.bias, none]).numpy(),
            ),
            "task": _widened(self.task, none),
            "domain": _widened(self.domain, none),
            "flags": (
                torch.cat([self.flags.weight, sign.T], dim=1).numpy(),
                self.flags.bias.detach().numpy(),
            ),
        }


def _widened(layer: nn.Linear, none: torch.Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and bias of a layer that takes no notice of hidden units added behind its own."""
    more = none.expand(len(layer.weight), -1)
    return torch.cat([layer.weight, more], dim=1).numpy(), layer.bias.detach().numpy()
