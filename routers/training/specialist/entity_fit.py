"""Train a LoRA adapter and a head over words that finds entities."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from routers.specialists.bio import (
    SHAPE_WIDTH,
    Span,
    shape_features,
    spans_of,
    split_words,
    tag_words,
    tags_of,
)
from routers.specialists.encoder import load_tokenizer, pad
from routers.training.specialist.fit import optimizer_of
from routers.training.specialist.tuned import TunedEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.specialists.bio import WordPieces
    from routers.training.specialist.entities import EntityExample
    from routers.training.specialist.fit import Recipe

Row = tuple["WordPieces", "NDArray[np.float32]", "NDArray[np.bool_]"]
"""Pieces, shapes (words, SHAPE_WIDTH), and the tags that are right for each word (words, tags)."""


class EntityNetwork(torch.nn.Module):
    """Encoder with an adapter; a linear head on the first piece of each word and the word's shape."""

    def __init__(self, base_dir: Path, tags: int, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = TunedEncoder(base_dir, recipe)
        self.dropout = torch.nn.Dropout(recipe.dropout)
        self.head = torch.nn.Linear(self.encoder.width + SHAPE_WIDTH, tags)

    def forward(self, rows: Sequence[Row]) -> torch.Tensor:
        """Return logits, shape (words of all rows, tags)."""
        ids, mask = pad([pieces.ids for pieces, _, _ in rows], "cpu")
        hidden = self.encoder(ids, mask)
        words = torch.cat([hidden[i][pieces.first] for i, (pieces, _, _) in enumerate(rows)])
        shapes = torch.from_numpy(np.concatenate([shapes for _, shapes, _ in rows]))
        logits: torch.Tensor = self.head(torch.cat([self.dropout(words), shapes], dim=1))
        return logits


class EntityTrainer:
    """Fits one network; `read` finds the entities of texts afterwards."""

    def __init__(
        self,
        base_dir: Path,
        labels: Sequence[str],
        recipe: Recipe,
        unlabelled: Mapping[str, Sequence[str]],
    ) -> None:
        """`unlabelled`: source -> labels that it does not mark, so that `O` there says nothing of them."""
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self.tags = tags_of(labels)
        self._unlabelled = unlabelled
        self._tokenizer = load_tokenizer(base_dir)
        self.network = EntityNetwork(base_dir, len(self.tags), recipe)

    def fit(
        self,
        examples: Sequence[EntityExample],
        vary: Callable[[Sequence[EntityExample], int], Sequence[EntityExample]],
        log: Callable[[str], None],
    ) -> None:
        """Train for the recipe's epochs on `vary(examples, epoch)`; the last state is kept."""
        recipe = self._recipe
        steps = recipe.epochs * math.ceil(len(examples) / recipe.batch)
        optimizer, schedule = optimizer_of(self.network.encoder, self.network.head, recipe, steps)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self.network.train()
        for epoch in range(recipe.epochs):
            started, total, count = time.monotonic(), 0.0, 0
            for batch in self._batches(vary(examples, epoch), epoch):
                loss = partial_loss(
                    self.network(batch), torch.from_numpy(np.concatenate([row[2] for row in batch]))
                )
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch is partly typed
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                schedule.step()
                total, count = total + loss.item(), count + 1
            log(f"epoch {epoch + 1}: loss {total / count:.4f}, {time.monotonic() - started:.0f} s")
        self.network.encoder.round_to_half()

    def logits(self, examples: Sequence[EntityExample], *, batch: int = 64) -> list[NDArray[np.float64]]:
        """Return logits of shape (words, tags) for each text, in evaluation mode."""
        rows = [self._row(example) for example in examples]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row][0].ids))
        found: dict[int, NDArray[np.float64]] = {}
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                logits = self.network([rows[row] for row in chosen]).double().numpy()
                ends = np.cumsum([len(rows[row][0].first) for row in chosen])
                for row, part in zip(chosen, np.split(logits, ends[:-1]), strict=True):
                    found[row] = part
        return [found[row] for row in range(len(rows))]

    def truth(self, example: EntityExample) -> NDArray[np.int64]:
        """Return the position of the right tag for each word that the encoder reads."""
        return np.array([self.tags.index(tag) for tag in self._tags(example)], dtype=np.int64)

    def read(self, example: EntityExample, logits: NDArray[np.float64]) -> list[Span]:
        """Return the entities that logits name, as spans of the text."""
        offsets = self._pieces(example.text).offsets
        return [span for span, _ in spans_of(offsets, [self.tags[best] for best in logits.argmax(axis=1)])]

    def _pieces(self, text: str) -> WordPieces:
        return split_words(text, self._tokenizer, limit=self._recipe.max_tokens)

    def _tags(self, example: EntityExample) -> list[str]:
        return tag_words(self._pieces(example.text).offsets, example.spans)

    def _row(self, example: EntityExample) -> Row:
        pieces = self._pieces(example.text)
        right = np.zeros((len(pieces.first), len(self.tags)), dtype=np.bool_)
        right[np.arange(len(pieces.first)), self.truth(example)] = True
        outside = right[:, 0].copy()
        for label in self._unlabelled.get(example.source, ()):
            for part in "BI":
                right[outside, self.tags.index(f"{part}-{label}")] = True
        return pieces, shape_features(example.text, pieces.offsets), right

    def _batches(self, examples: Sequence[EntityExample], epoch: int) -> Iterator[list[Row]]:
        """Yield shuffled batches of texts of like length (sorted within chunks of 20 batches)."""
        draw = random.Random(self._recipe.seed * 1000 + epoch)
        rows = [row for row in map(self._row, examples) if row[0].first]
        draw.shuffle(rows)
        size, batches = self._recipe.batch, []
        for start in range(0, len(rows), size * 20):
            part = sorted(rows[start : start + size * 20], key=lambda row: len(row[0].ids))
            batches += [part[i : i + size] for i in range(0, len(part), size)]
        draw.shuffle(batches)
        yield from batches


def partial_loss(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the mean of -log P(one of the right tags); both of shape (words, tags).

    Marginal likelihood of partial labels: where a corpus does not mark a label, its `O` allows that label too.
    """
    allowed = logits.masked_fill(~right, float("-inf"))
    return (logits.logsumexp(dim=1) - allowed.logsumexp(dim=1)).mean()
