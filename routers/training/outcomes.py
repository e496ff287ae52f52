"""Fits the ability head: which request which model answers, pooled over every graded source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.training.examples import Example

    Floats = NDArray[np.float32]

DIMENSIONS: Final = 6
"""Length of an ability vector; its first entry is the general ability."""
HIDDEN: Final = 48
EPOCHS: Final = 30
BATCH: Final = 256
_OPTION: Final = re.compile(r"\n\(?([A-J])[.):] ?")
_FIRST_OPTION: Final = re.compile(r"\n\(?A[.):]")
_TRAILING_CUE: Final = re.compile(r"\s*Answer:\s*$")


@dataclass(frozen=True, slots=True)
class Graded:
    """Outcomes as a matrix, with the weight of each request."""

    models: tuple[str, ...]
    outcomes: Floats
    """Shape (requests, models); NaN where a model was not graded."""
    weights: Floats
    """Sources count by the square root of their size, so that none dominates."""


def graded(examples: Sequence[Example], models: Sequence[str] | None = None) -> Graded:
    """The outcome matrix of examples, over their own models or the ones given."""
    names = tuple(models or sorted({model for e in examples for model in e.outcomes}))
    column = {name: index for index, name in enumerate(names)}
    matrix = np.full((len(examples), len(names)), np.nan, dtype=np.float32)
    sizes: dict[str, int] = {}
    for row, example in enumerate(examples):
        sizes[example.source] = sizes.get(example.source, 0) + 1
        for model, grade in example.outcomes.items():
            if model in column:
                matrix[row, column[model]] = grade
    weights = np.array([sizes[e.source] ** -0.5 for e in examples], dtype=np.float32)
    return Graded(models=names, outcomes=matrix, weights=weights / weights.mean())


def reformatted(prompt: str, rng: random.Random) -> str:
    """The question as others would format it: options dropped or marked otherwise, cue and preface changed."""
    text = _TRAILING_CUE.sub("", prompt)
    has_options = _FIRST_OPTION.search(text)
    if has_options:
        style = rng.choice(("none", "none", "{}) ", "({}) ", "{}. ", "{}: "))
        if style == "none":
            text = text[: has_options.start()]
        else:
            text = _OPTION.sub(lambda match: "\n" + style.format(match[1]), text)
    preface = rng.choice(
        ("", "", "", "Question: ", "Solve this: ", "Please answer. ", "Answer the question.\n\n", "Q: ")
    )
    ending = rng.choice(
        ("", "", "", "\nAnswer:", "\nLet's think step by step.", "\nA:", " Explain your answer.")
    )
    return preface + text + ending


class AbilityNetwork(nn.Module):
    """Input vector -> demand and difficulty, and one ability vector a model."""

    def __init__(self, width: int, models: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, HIDDEN)
        self.output = nn.Linear(HIDDEN, DIMENSIONS)
        self.vectors = nn.Parameter(torch.zeros(models, DIMENSIONS))
        self.dropout = nn.Dropout(0.4)
        nn.init.normal_(self.vectors, std=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of an acceptable answer, shape (requests, models)."""
        raw = self.output(self.dropout(torch.relu(self.hidden(self.dropout(x)))))
        demand = torch.cat([torch.ones(len(x), 1), raw[:, :-1]], dim=1)
        logits: torch.Tensor = demand @ self.vectors.T - raw[:, -1:]
        return logits


def fit_abilities(
    inputs: Floats, data: Graded, *, copies: int = 1, epochs: int = EPOCHS, seed: int = 0, quiet: bool = False
) -> AbilityNetwork:
    """Maximum likelihood with a normal prior on the ability vectors and weight decay on the network.

    `inputs` has shape (copies * requests, width): the reformatted copies follow one another.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = AbilityNetwork(inputs.shape[1], len(data.models))
    optimiser = torch.optim.AdamW(
        [
            {"params": [*network.hidden.parameters(), *network.output.parameters()], "weight_decay": 0.05},
            {"params": [network.vectors], "weight_decay": 0.002},
        ],
        lr=2e-3,
    )
    known = torch.from_numpy(~np.isnan(data.outcomes))
    target = torch.from_numpy(np.nan_to_num(data.outcomes))
    weight = torch.from_numpy(data.weights)[:, None] * known / known.sum(dim=1, keepdim=True)
    x, requests = torch.from_numpy(inputs), len(data.outcomes)
    steps = epochs * -(-requests // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for _ in tqdm(range(epochs), desc="abilities", unit="epoch", disable=quiet):
        for batch in torch.split(torch.randperm(requests, generator=generator), BATCH):
            copy = torch.randint(copies, (len(batch),), generator=generator)
            logits = network(x[copy * requests + batch])
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, target[batch], weight=weight[batch], reduction="sum"
            ) / len(batch)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    network.eval()
    return network
