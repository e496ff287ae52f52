"""The span finder as a torch module: the arithmetic of `routers.spans`, with gradients, and its export."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from safetensors.numpy import save
from tokenizers.models import WordPiece
from torch import nn
from tqdm import tqdm

from routers.spans import (
    AFFIX_BITS,
    FORMAT,
    GAPS,
    LABELS,
    REACH,
    SHAPES,
    SUBWORDS,
    affix_ids,
    piece_ids,
    split,
)
from routers.tokenizer import word_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.encoder import QuantisedRows
    from routers.training.span_examples import Marked

    Floats = NDArray[np.float32]

WIDTH: Final = 64
"""Leading columns that are kept of the word vectors; they are principal components."""
HIDDEN: Final = (64, 48)
EPOCHS: Final = 6
BATCH: Final = 64
_RATE: Final = 3e-3
_DROPOUT: Final = 0.2
_IGNORE: Final = -1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text as arrays over its parts."""

    vectors: Floats
    affixes: NDArray[np.int64]
    shapes: NDArray[np.int64]
    gaps: NDArray[np.int64]
    labels: NDArray[np.int64]
    begins: NDArray[np.int64]
    """1 where a part begins a span, 0 where it goes on with one, -1 outside."""


class Preparer:
    """Reads texts; remembers words."""

    def __init__(self, vocabulary: Sequence[str], table: QuantisedRows) -> None:
        self._pieces = WordPiece(
            {piece: n for n, piece in enumerate(vocabulary)},
            unk_token=vocabulary[1],
            max_input_chars_per_word=40,
        )
        self._table = table
        self._memo: dict[str, tuple[Floats, NDArray[np.int64], int]] = {}

    def __call__(self, marked: Marked) -> Prepared:
        """Arrays of one text, with the label of each part by the mark that it lies in."""
        words = split(marked.text)
        found = [self._word(text) for text in words.texts]
        labels = np.zeros(len(found), dtype=np.int64)
        begins = np.full(len(found), _IGNORE, dtype=np.int64)
        for start, end, kind in marked.marks:
            inside = (words.places[:, 0] < end) & (words.places[:, 1] > start)
            labels[inside] = LABELS.index(kind)
            begins[inside] = 0
            if inside.any():
                begins[inside.argmax()] = 1
        return Prepared(
            np.stack([f[0] for f in found]), np.stack([f[1] for f in found]), np.array([f[2] for f in found]),
            words.gaps, labels, begins,
        )  # fmt: skip

    def _word(self, text: str) -> tuple[Floats, NDArray[np.int64], int]:
        if text not in self._memo:
            vector = self._table.mean(piece_ids(self._pieces, text))
            self._memo[text] = (vector, affix_ids(text), word_shape(text))
        return self._memo[text]


class SpanNetwork(nn.Module):
    """Static vectors, learned affixes, shape and gap of each part; two convolutions; labels and beginnings."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.affixes = nn.EmbeddingBag(2**AFFIX_BITS, SUBWORDS, mode="sum")
        nn.init.normal_(self.affixes.weight, std=0.1)
        size = 2 * REACH + 1
        self.first = nn.Linear(size * (width + SUBWORDS + SHAPES + GAPS), HIDDEN[0])
        self.second = nn.Linear(size * HIDDEN[0], HIDDEN[1])
        self.labels = nn.Linear(HIDDEN[1], len(LABELS) + 1)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, texts: Sequence[Prepared]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of `LABELS` and of beginning for every part of the texts, one after the other."""
        lengths = [len(t.shapes) for t in texts]
        affixes = self.affixes(torch.from_numpy(np.concatenate([t.affixes for t in texts])))
        shapes = nn.functional.one_hot(_joined([t.shapes for t in texts]), SHAPES).float()
        gaps = nn.functional.one_hot(_joined([t.gaps for t in texts]), GAPS).float()
        vectors = torch.from_numpy(np.concatenate([t.vectors for t in texts]))
        x = self.dropout(torch.cat([vectors, affixes, shapes, gaps], dim=1))
        x = self.dropout(torch.relu(self.first(_windows(x, lengths))))
        x = self.dropout(torch.relu(self.second(_windows(x, lengths))))
        raw = self.labels(x)
        return raw[:, :-1], raw[:, -1]


def _joined(parts: Sequence[NDArray[np.int64]]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts))


def _windows(x: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """Each part beside its neighbours, shape (parts, (2 * REACH + 1) * width); zeros between texts."""
    gap = x.new_zeros(REACH, x.shape[1])
    pieces, rows, at = [gap], [], REACH
    for text, length in zip(torch.split(x, list(lengths)), lengths, strict=True):
        pieces += [text, gap]
        rows.append(np.arange(at, at + length))
        at += length + REACH
    padded, index = torch.cat(pieces), torch.from_numpy(np.concatenate(rows))
    return torch.cat([padded[index + k] for k in range(-REACH, REACH + 1)], dim=1)


def fit(network: SpanNetwork, texts: Sequence[Prepared], *, epochs: int = EPOCHS, seed: int) -> None:
    """Train in place with Adam and a cosine decay; deterministic on one thread."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
    steps = epochs * -(-len(texts) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    with tqdm(total=steps, desc="spans", unit="step", mininterval=2.0) as progress:
        for index in _batches(len(texts), epochs, generator):
            batch = [texts[i] for i in index]
            labels, begins = network(batch)
            loss = nn.functional.cross_entropy(labels, _joined([t.labels for t in batch]))
            truth = _joined([t.begins for t in batch])
            if (truth != _IGNORE).any():
                inside = truth != _IGNORE
                loss = loss + 0.3 * nn.functional.binary_cross_entropy_with_logits(
                    begins[inside], truth[inside].float()
                )
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            progress.update()
    network.eval()


def _batches(size: int, epochs: int, generator: torch.Generator) -> Iterator[list[int]]:
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(size, generator=generator), BATCH):
            yield batch.tolist()


def export(
    folder: Path, vocabulary: Sequence[str], table: QuantisedRows, network: SpanNetwork, temperature: float
) -> str:
    """Write the artifact, and return its version; equal arguments give equal bytes."""
    tensors: dict[str, NDArray[Any]] = {"words.rows": table.rows, "words.scales": table.scales}
    for name, weight in network.state_dict().items():
        tensors[name.replace("affixes.weight", "affixes")] = weight.numpy().astype(np.float16)
    model = save({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)})
    words = "\n".join(vocabulary) + "\n"
    config = {"format": FORMAT, "labels": list(LABELS), "temperature": temperature}
    content = json.dumps(config, sort_keys=True).encode() + words.encode() + model
    version = hashlib.sha256(content).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(model)
    (folder / "vocabulary.txt").write_text(words, encoding="utf-8")
    (folder / "config.json").write_text(
        json.dumps({**config, "version": version}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return version
