"""Train a LoRA adapter and a head on the encoder: the optimisation, and nothing of the data or the report."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from routers.specialists.encoder import SharedEncoder, load_tokenizer, mean_pool, pad, truncate
from routers.training.specialist.examples import Example, vary
from routers.training.specialist.tuned import TunedEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number that training depends on besides the data."""

    rank: int = 16
    dropout: float = 0.1
    """Before the head. A third one inside the adapter cost 20 % of the time."""
    encoder_dropout: float = 0.1
    """Inside the encoder; without it a step takes a twentieth less time."""
    first_layer: int = 0
    """The lowest layer with an adapter, from 0. Backward passes end here: from 2 of 6, a step takes a fifth less."""
    per_label: int = 0
    """Most training texts of one label, chosen by the seed; 0 takes all."""
    learning_rate: float = 1e-3
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    epochs: int = 4
    batch: int = 32
    warm_up_share: float = 0.06
    label_smoothing: float = 0.05
    joined_share: float = 0.0
    max_tokens: int = 128
    seed: int = 7


class Network(torch.nn.Module):
    """Encoder with an adapter, mean pooling, dropout and a linear head; returns logits."""

    def __init__(self, base_dir: Path, labels: int, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = TunedEncoder(base_dir, recipe)
        self.dropout = torch.nn.Dropout(recipe.dropout)
        self.head = torch.nn.Linear(self.encoder.width, labels)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (texts, labels)."""
        logits: torch.Tensor = self.head(self.dropout(mean_pool(self.encoder(ids, mask), mask)))
        return logits


class Trainer:
    """Fits one network; `logits` reads it afterwards."""

    def __init__(
        self, base_dir: Path, labels: Sequence[str], recipe: Recipe, *, respaced_share: float = 0.0
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._respaced_share = respaced_share
        self._recipe = recipe
        self._index = {label: position for position, label in enumerate(labels)}
        self._tokenizer = load_tokenizer(base_dir)
        self.network = Network(base_dir, len(labels), recipe)

    def fit(self, examples: Sequence[Example], log: Callable[[str], None]) -> None:
        """Train for the recipe's epochs; the last state is kept (nothing is chosen on any data)."""
        recipe = self._recipe
        steps = recipe.epochs * math.ceil(len(examples) / recipe.batch)
        optimizer, schedule = optimizer_of(self.network.encoder, self.network.head, recipe, steps)
        loss_of = torch.nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.network.train()
        for epoch in range(recipe.epochs):
            started, total, count = time.monotonic(), 0.0, 0
            for ids, mask, truth in self._batches(examples, epoch):
                loss = loss_of(self.network(ids, mask), truth)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self._trainable(), 1.0)
                optimizer.step()
                schedule.step()
                total, count = total + loss.item(), count + 1
            log(f"epoch {epoch + 1}: loss {total / count:.4f}, {time.monotonic() - started:.0f} s")
        self.network.encoder.round_to_half()

    def logits(self, texts: Sequence[str], *, batch: int = 64) -> NDArray[np.float64]:
        """Return logits of shape (texts, labels) in evaluation mode."""
        ids = [self._tokenise(text) for text in texts]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        rows = np.zeros((len(ids), len(self._index)))
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                rows[chosen] = self.network(*pad([ids[row] for row in chosen], "cpu")).numpy()
        return rows

    def _tokenise(self, text: str) -> list[int]:
        return truncate(self._tokenizer.encode(text).ids, self._recipe.max_tokens)

    def _trainable(self) -> list[torch.nn.Parameter]:
        return [parameter for parameter in self.network.parameters() if parameter.requires_grad]

    def _batches(
        self, examples: Sequence[Example], epoch: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Yield shuffled batches of texts of like length (sorted within chunks of 20 batches)."""
        recipe = self._recipe
        seed = recipe.seed * 1000 + epoch
        rows = [
            (self._tokenise(text), self._index[label])
            for text, label in vary(
                examples, joined_share=recipe.joined_share, respaced_share=self._respaced_share, seed=seed
            )
        ]
        draw = random.Random(seed)
        draw.shuffle(rows)
        chunk = recipe.batch * 20
        batches = []
        for start in range(0, len(rows), chunk):
            part = sorted(rows[start : start + chunk], key=lambda row: len(row[0]))
            batches += [part[i : i + recipe.batch] for i in range(0, len(part), recipe.batch)]
        draw.shuffle(batches)
        for batch in batches:
            ids, mask = pad([ids for ids, _ in batch], "cpu")
            yield ids, mask, torch.tensor([label for _, label in batch])


def optimizer_of(
    encoder: torch.nn.Module, head: torch.nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return AdamW over adapter and head, and a schedule: linear warm-up, then linearly to 0."""
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in encoder.parameters() if p.requires_grad], "lr": recipe.learning_rate},
            {"params": list(head.parameters()), "lr": recipe.head_learning_rate},
        ],
        weight_decay=recipe.weight_decay,
    )
    warm_up = max(1, round(recipe.warm_up_share * steps))

    def factor(step: int) -> float:
        return min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def embed(
    base_dir: Path, texts: Sequence[str], *, batch: int = 64, max_tokens: int = 128
) -> NDArray[np.float64]:
    """Return mean-pooled vectors, shape (texts, width), of the encoder as it was downloaded."""
    encoder = SharedEncoder(base_dir, max_tokens=max_tokens)
    ids = [encoder.tokenise(text) for text in texts]
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    vectors = np.zeros((len(ids), encoder.width))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        vectors[rows] = encoder.pool([ids[row] for row in rows]).numpy()
    return vectors
