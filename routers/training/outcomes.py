"""Fits the ability head: which request which model answers, pooled over every graded source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from routers.encoder import EVIDENCE_WIDTH, PAIR_WIDTH, WINDOWS
from routers.features import FEATURES

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.training.examples import Example

    Floats = NDArray[np.float32]

DIMENSIONS: Final = 5
"""Length of an ability vector; its first entry is the general ability."""
EPOCHS: Final = 12
BATCH: Final = 256
FORM: Final = (
    "log_stem",
    "log_sentences",
    "count_number",
    "share_digit",
    "count_tex",
    "share_tex",
    "count_question",
    "word_length",
    "count_options",
    "count_code_line",
)
"""The text features that the ability head sees. With all of them, or with a hidden layer, it learns to tell the
sources apart, which helps on their own rows and hurts on a source left out."""
PRIORS: Final = {"log_stem": 0.6, "count_number": 0.3}
"""Logits of difficulty a standard deviation of a feature: the length of the question without its answer options, and
how many numbers it holds.

Priors, not fitted: inside each source longer questions are harder, but across sources length mostly tells which
source it is. Chosen by leaving sources out."""
SOURCE_DECAY: Final = 0.01
_MEANING_SCALE: Final = 8.0
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
    sources: NDArray[np.intp]
    """Which source each request is of, as a number."""


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
    numbers = {source: number for number, source in enumerate(sizes)}
    return Graded(
        models=names,
        outcomes=matrix,
        weights=weights / weights.mean(),
        sources=np.array([numbers[e.source] for e in examples], dtype=np.intp),
    )


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


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which entries of an input vector say what a request is about, and their factor.

    The factor brings them near the spread of standardised features.
    """

    columns: range
    scale: float

    @classmethod
    def of_words(cls, width: int) -> Meaning:
        """The mean of the user's words, a unit vector, in the static encoder's vectors of `width` entries."""
        words = (width - PAIR_WIDTH - EVIDENCE_WIDTH - len(FEATURES)) // len(WINDOWS)
        start = WINDOWS.index("user") * words
        return cls(range(start, start + words), _MEANING_SCALE)


class AbilityNetwork(nn.Module):
    """Meaning and form of a request -> demand and difficulty, linearly, and one ability vector a model.

    While it is fitted, each source also has a difficulty of its own, which takes up part of what tells sources apart.
    """

    def __init__(self, width: int, models: int, meaning: Meaning | None = None, *, sources: int = 1) -> None:
        super().__init__()
        self.columns, self.scales = input_columns(width, meaning or Meaning.of_words(width))
        self.width = width
        self.output = nn.Linear(len(self.columns), DIMENSIONS)
        self.vectors = nn.Parameter(torch.zeros(models, DIMENSIONS))
        self.sources = nn.Parameter(torch.zeros(sources))
        self.dropout = nn.Dropout(0.3)
        nn.init.normal_(self.vectors, std=0.1)

    def forward(self, x: torch.Tensor, source: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of an acceptable answer, shape (requests, models); `source` numbers the source of each request."""
        seen = x[:, self.columns] * self.scales
        raw = self.output(self.dropout(seen))
        difficulty = raw[:, -1:] + sum(
            prior * x[:, _column(name)].unsqueeze(1) for name, prior in PRIORS.items()
        )
        if source is not None:
            difficulty = difficulty + self.sources[source].unsqueeze(1)
        demand = torch.cat([torch.ones(len(x), 1), raw[:, :-1]], dim=1)
        logits: torch.Tensor = demand @ self.vectors.T - difficulty
        return logits

    def layer(self) -> tuple[Floats, Floats]:
        """Weight and bias of the same map over the whole input vector, the priors folded in."""
        weight = np.zeros((DIMENSIONS, self.width), dtype=np.float32)
        weight[:, self.columns.numpy()] = (self.output.weight * self.scales).detach().numpy()
        for name, prior in PRIORS.items():
            weight[-1, _column(name)] += prior
        return weight, self.output.bias.detach().numpy()


def input_columns(width: int, meaning: Meaning) -> tuple[torch.Tensor, torch.Tensor]:
    """Which entries of an input vector the ability head sees, and by how much each is scaled."""
    form = [width + _column(name) for name in FORM]
    columns = torch.tensor([*meaning.columns, *form])
    scales = torch.tensor([meaning.scale] * len(meaning.columns) + [1.0] * len(form))
    return columns, scales


def _column(name: str) -> int:
    """Position of a feature, from the end of an input vector."""
    return FEATURES.index(name) - len(FEATURES)


def fit_abilities(
    inputs: Floats,
    data: Graded,
    *,
    copies: int = 1,
    epochs: int = EPOCHS,
    seed: int = 0,
    quiet: bool = False,
    meaning: Meaning | None = None,
) -> AbilityNetwork:
    """Maximum likelihood with a normal prior on the ability vectors and on the weights.

    `inputs` has shape (copies * requests, width): the reformatted copies follow one another. `meaning` is that of
    the static encoder when not given.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = AbilityNetwork(inputs.shape[1], len(data.models), meaning, sources=int(data.sources.max()) + 1)
    optimiser = torch.optim.AdamW(
        [
            {"params": network.output.parameters(), "weight_decay": 3.0},
            {"params": [network.vectors], "weight_decay": 0.002},
            {"params": [network.sources], "weight_decay": SOURCE_DECAY},
        ],
        lr=2e-3,
    )
    known = torch.from_numpy(~np.isnan(data.outcomes))
    target = torch.from_numpy(np.nan_to_num(data.outcomes))
    weight = torch.from_numpy(data.weights)[:, None] * known / known.sum(dim=1, keepdim=True)
    x, requests, source = torch.from_numpy(inputs), len(data.outcomes), torch.from_numpy(data.sources)
    steps = epochs * -(-requests // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for _ in tqdm(range(epochs), desc="abilities", unit="epoch", disable=quiet):
        for batch in torch.split(torch.randperm(requests, generator=generator), BATCH):
            copy = torch.randint(copies, (len(batch),), generator=generator)
            logits = network(x[copy * requests + batch], source[batch])
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, target[batch], weight=weight[batch], reduction="sum"
            ) / len(batch)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    network.eval()
    return network
