"""Fits the encoder with the task, domain, personal-data and injection heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from routers.training.network import INPUT_DROPOUT, Network, Prepared, collate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.training.examples import Example

IGNORE: Final = -1
BATCH: Final = 256
LEARNING_RATE: Final = 3e-3
TABLE_RATE: Final = 2e-3
SMOOTHING: Final = 0.02
EDITED_SHARE: Final = 0.35
_FLAG_RATE: Final = 2e-3
_FLAG_BATCH: Final = 512
_FLAG_EPOCHS: Final = 6
_FOCUS: Final = 2.0
"""Exponent of the focal loss."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Label indices, `IGNORE` where unknown, and how much each row counts for each head."""

    task: NDArray[np.int64]
    domain: NDArray[np.int64]
    flags: NDArray[np.int64]
    """Shape (rows, 2): personal data, injection."""
    task_weight: NDArray[np.float32]
    domain_weight: NDArray[np.float32]
    flag_weight: NDArray[np.float32]


def targets_of(examples: Sequence[Example], tasks: Sequence[str], domains: Sequence[str]) -> Targets:
    """Labels as indices. Frequent classes weigh less: by the inverse square root of their count."""
    task = np.array([IGNORE if e.task is None else tasks.index(e.task) for e in examples])
    domain = np.array([IGNORE if e.domain is None else domains.index(e.domain) for e in examples])
    flags = np.array([[_flag(e.pii), _flag(e.injection)] for e in examples])
    return Targets(
        task=task,
        domain=domain,
        flags=flags,
        task_weight=_balance(task),
        domain_weight=_balance(domain),
        flag_weight=np.stack([_balance(flags[:, 0], power=0.35), _balance(flags[:, 1], power=0.35)], axis=1),
    )


def _flag(value: bool | None) -> int:
    return IGNORE if value is None else int(value)


def _balance(labels: NDArray[np.int64], power: float = 0.5) -> NDArray[np.float32]:
    known = labels[labels != IGNORE]
    counts = np.bincount(known, minlength=int(labels.max()) + 1)
    weights = np.where(labels == IGNORE, 0.0, np.maximum(counts, 1)[labels] ** -power)
    return np.asarray(weights / weights[labels != IGNORE].mean(), dtype=np.float32)


def fit_labels(
    network: Network,
    rows: Sequence[Prepared],
    edited: Sequence[Prepared],
    targets: Targets,
    *,
    epochs: int,
    seed: int,
) -> None:
    """Train in place with Adam, a linear warm-up and cosine decay; deterministic on one thread.

    `edited` has each of `rows` in other words: every time, one of the two is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    tables = [network.words.weight, network.pairs.weight, network.evidence.weight]
    others = [
        p for n, p in network.named_parameters() if n.split(".")[0] not in ("words", "pairs", "evidence")
    ]
    optimiser = torch.optim.AdamW(
        [
            {"params": tables, "lr": TABLE_RATE, "weight_decay": 0.0},
            {"params": others, "lr": LEARNING_RATE, "weight_decay": 0.02},
        ]
    )
    steps = epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
    network.train()
    with tqdm(total=steps, desc="labels", unit="step", mininterval=2.0) as progress:
        for _ in range(epochs):
            for batch in torch.split(torch.randperm(len(rows), generator=generator), BATCH):
                index, views = batch.numpy(), torch.rand(len(batch), generator=generator).tolist()
                chosen = [
                    (edited if view < EDITED_SHARE else rows)[i] for i, view in zip(index, views, strict=True)
                ]
                loss = loss_of(network(collate(chosen)), targets, index)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                schedule.step()
                progress.update()
                progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    network.eval()


def fit_flags(network: Network, rows: Sequence[Prepared], targets: Targets, *, seed: int) -> None:
    """Fit the layers to the flags once more, on what the trained network makes of every row; deterministic.

    Beside two large categorical losses the flags are never quite fitted. Easy rows weigh little (focal loss, Lin et
    al. 2017): almost all rows are easy negatives, and what counts is the order of the hard ones.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        inputs = torch.from_numpy(outputs(network, rows)[0])
        seen = torch.cat([inputs, torch.relu(network.hidden(inputs))], dim=1)
    known, weight = torch.from_numpy(targets.flags), torch.from_numpy(targets.flag_weight)
    head, dropout = nn.Linear(seen.shape[1], known.shape[1]), nn.Dropout(INPUT_DROPOUT)
    nn.init.zeros_(head.weight)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_FLAG_RATE, weight_decay=1e-3)
    steps = _FLAG_EPOCHS * -(-len(rows) // _FLAG_BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in tqdm(range(_FLAG_EPOCHS), desc="flags", unit="epoch"):
        for index in torch.split(torch.randperm(len(rows), generator=generator), _FLAG_BATCH):
            losses = nn.functional.binary_cross_entropy_with_logits(
                head(dropout(seen[index])), known[index].clamp(min=0).float(), reduction="none"
            )
            hard = (1 - torch.exp(-losses.detach())) ** _FOCUS
            optimiser.zero_grad()
            torch.autograd.backward((losses * hard * weight[index]).sum() / len(index))
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        network.direct.weight.copy_(head.weight[:, : network.width])
        network.flags.weight.copy_(head.weight[:, network.width :])
        network.flags.bias.copy_(head.bias)


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate: linear warm-up over a twentieth of the steps, then a cosine."""
    warm_up = max(steps // 20, 1)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + float(np.cos(np.pi * (step - warm_up) / max(steps - warm_up, 1)))) + 0.01


def loss_of(
    logits: tuple[torch.Tensor, torch.Tensor, torch.Tensor], targets: Targets, index: NDArray[np.int64]
) -> torch.Tensor:
    """Weighted loss of task, domain and flag logits of the rows `index`, summed over the heads."""
    task, domain, flags = logits
    losses = _categorical(task, targets.task[index], targets.task_weight[index])
    losses = losses + _categorical(domain, targets.domain[index], targets.domain_weight[index])
    known = torch.from_numpy(targets.flags[index])
    weight = torch.from_numpy(targets.flag_weight[index])
    binary = nn.functional.binary_cross_entropy_with_logits(
        flags, known.clamp(min=0).float(), weight=weight, reduction="sum"
    )
    return losses + binary / len(index)


def _categorical(
    logits: torch.Tensor, labels: NDArray[np.int64], weights: NDArray[np.float32]
) -> torch.Tensor:
    losses = nn.functional.cross_entropy(
        logits, torch.from_numpy(labels), ignore_index=IGNORE, reduction="none", label_smoothing=SMOOTHING
    )
    return (losses * torch.from_numpy(weights)).sum() / len(labels)


@torch.no_grad()
def outputs(network: Network, rows: Sequence[Prepared]) -> tuple[NDArray[np.float32], ...]:
    """(input vectors, task logits, domain logits, flag logits) of many texts, without dropout."""
    network.eval()
    collected: list[tuple[torch.Tensor, ...]] = []
    for start in range(0, len(rows), 512):
        batch = collate(rows[start : start + 512])
        collected.append((network.encode(batch), *network(batch)))
    return tuple(torch.cat(parts).numpy() for parts in zip(*collected, strict=True))
