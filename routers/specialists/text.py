"""Text classifiers made of a shared encoder, a LoRA adapter and a linear head."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from routers.specialists.base import Prediction
from routers.specialists.encoder import SharedEncoder, truncate
from routers.specialists.registry import SpecialistCard, SpecialistError, find

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from routers.specialists.base import TextClassifier

BATCH = 32
"""Texts of one forward pass; more are read in several passes."""


def load_head(folder: Path, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight, of `shape`, and bias of the linear head in a folder; raises SpecialistError when it has another shape."""
    from safetensors.torch import load_file

    head = load_file(str(folder / "head.safetensors"))
    if tuple(head["weight"].shape) != shape:
        raise SpecialistError(f"{folder / 'head.safetensors'}: weight is not of shape {shape}")
    return head["weight"].float(), head["bias"].float()


class TextSpecialist:
    """One specialist on a shared encoder; fulfils `TextClassifier`."""

    def __init__(self, card: SpecialistCard, folder: Path, encoder: SharedEncoder) -> None:
        """Load adapter and head from the folder; raises SpecialistError when they do not fit."""
        self.card = card
        self._encoder = encoder
        encoder.add_adapter(card.name, folder)
        self._weight, self._bias = load_head(folder, (len(card.labels), encoder.width))

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify a batch; one prediction a text, in order. Blocking and CPU-bound."""
        return predict_mixed([(self, text) for text in texts])

    def probabilities(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return calibrated probabilities, shape (texts, labels), of pooled vectors (texts, width)."""
        logits = pooled.cpu() @ self._weight.T + self._bias
        return (logits / self.card.temperature).softmax(dim=1)

    @property
    def encoder(self) -> SharedEncoder:
        return self._encoder


def predict_mixed(asks: Sequence[tuple[TextSpecialist, str]]) -> list[Prediction]:
    """Classify texts of several specialists that share one encoder, in one pass for each `BATCH` texts.

    Texts are sorted by length first, so that little of a pass is padding. Raises ValueError when the
    specialists do not share their encoder.
    """
    if not asks:
        return []
    encoder = asks[0][0].encoder
    if any(specialist.encoder is not encoder for specialist, _ in asks):
        raise ValueError("the specialists of one batch must share one encoder")
    ids = [truncate(encoder.tokenise(text), specialist.card.max_tokens) for specialist, text in asks]
    order = sorted(range(len(asks)), key=lambda row: len(ids[row]))
    found: dict[int, Prediction] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        pooled = encoder.pool([ids[row] for row in rows], [asks[row][0].name for row in rows])
        for position, row in enumerate(rows):
            specialist = asks[row][0]
            shares = specialist.probabilities(pooled[position : position + 1])[0].tolist()
            found[row] = _prediction(specialist.card, shares, len(ids[row]))
    return [found[row] for row in range(len(asks))]


def _prediction(card: SpecialistCard, shares: list[float], tokens: int) -> Prediction:
    best = max(range(len(shares)), key=shares.__getitem__)
    label = card.labels[best]
    if card.out_of_scope is not None and shares[best] < card.scope_threshold:
        label = card.out_of_scope
    return Prediction(label, shares[best], dict(zip(card.labels, shares, strict=True)), tokens)


def load_specialist(
    name_or_dir: str | Path, base_dir: Path, *, device: str = "cpu", encoder: SharedEncoder | None = None
) -> TextClassifier:
    """Load a shipped text classifier by name, or one by its folder, on the encoder in `base_dir`.

    Pass `encoder` (from an earlier specialist's `encoder`) to share it instead of loading another.
    Raises SpecialistError when the specialist is unknown, finds entities, or was trained on another encoder, and
    FileNotFoundError when the encoder's folder is incomplete. Blocking: takes about a second.
    """
    folder, card = find(name_or_dir)
    if card.kind != "text-classification":
        raise SpecialistError(f"`{card.name}` finds entities: it does not classify texts")
    return TextSpecialist(card, folder, encoder or load_encoder(card, base_dir, device=device))


def load_encoder(card: SpecialistCard, base_dir: Path, *, device: str = "cpu") -> SharedEncoder:
    """Load the encoder that a specialist was trained on; raises as `load_specialist` does."""
    _check_base(card, base_dir)
    return SharedEncoder(base_dir, device=device)


def _check_base(card: SpecialistCard, base_dir: Path) -> None:
    weights = base_dir / "model.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is missing: run `pointsman models pull {card.base}`")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != card.base_sha256:
        raise SpecialistError(
            f"{weights} is not the `{card.base}` that `{card.name}` was trained on (its SHA-256 is {digest})"
        )
