"""Specialists that find entities: a shared encoder, a LoRA adapter, and a head over the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from routers.identifiers import locate_identifiers
from routers.specialists.bio import SHAPE_WIDTH, Span, shape_features, spans_of, split_words, tags_of
from routers.specialists.registry import find
from routers.specialists.text import BATCH, TextSpecialist, load_encoder, load_head, predict_mixed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from routers.specialists.base import Prediction
    from routers.specialists.bio import WordPieces
    from routers.specialists.encoder import SharedEncoder
    from routers.specialists.registry import SpecialistCard


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity found, and the calibrated probability that its words have these tags."""

    span: Span
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of one text, in its order."""

    found: tuple[Entity, ...]
    confidence: float
    """The least certain word: how sure it is that nothing is missing and nothing too much."""
    tokens: int
    truncated: bool
    """Whether the text is longer than the encoder reads, so that its end went unseen."""


class TokenSpecialist:
    """One specialist for entities on a shared encoder."""

    def __init__(self, card: SpecialistCard, folder: Path, encoder: SharedEncoder) -> None:
        """Load adapter and head from the folder; raises SpecialistError when they do not fit."""
        self.card = card
        self._encoder = encoder
        self._tags = tags_of(card.labels)
        encoder.add_adapter(card.name, folder)
        self._weight, self._bias = load_head(folder, (len(self._tags), encoder.width + SHAPE_WIDTH))

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    @property
    def encoder(self) -> SharedEncoder:
        return self._encoder

    def find(self, texts: Sequence[str]) -> list[Entities]:
        """Find the entities of each text, in order. Blocking and CPU-bound."""
        pieces = [split_words(t, self._encoder.tokenizer, limit=self._encoder.max_tokens) for t in texts]
        order = sorted(range(len(texts)), key=lambda row: len(pieces[row].ids))
        found: dict[int, Entities] = {}
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            hidden = self._encoder.hidden([pieces[row].ids for row in rows], [self.name] * len(rows))
            for position, row in enumerate(rows):
                shares = self._shares(texts[row], pieces[row], hidden[position].cpu())
                found[row] = self._entities(texts[row], pieces[row], shares)
        return [found[row] for row in range(len(texts))]

    def _shares(self, text: str, pieces: WordPieces, hidden: torch.Tensor) -> torch.Tensor:
        """Return calibrated tag probabilities, shape (words, tags), of one text's hidden states."""
        import torch

        shapes = torch.from_numpy(shape_features(text, pieces.offsets))
        inputs = torch.cat([hidden[pieces.first], shapes], dim=1)
        return ((inputs @ self._weight.T + self._bias) / self.card.temperature).softmax(dim=1)

    def _entities(self, text: str, pieces: WordPieces, shares: torch.Tensor) -> Entities:
        best = shares.max(dim=1)
        sure = best.values.tolist()
        tags = [self._tags[tag] for tag in best.indices.tolist()]
        found = tuple(
            Entity(span, text[span.start : span.end], min(sure[word] for word in words))
            for span, words in spans_of(pieces.offsets, tags)
        )
        if self.card.identifiers:
            found = with_identifiers(text, found, self.card.identifiers)
        seen = pieces.offsets[-1][1] if pieces.offsets else 0
        return Entities(found, min(sure, default=1.0), len(pieces.ids), seen < len(text.rstrip()))


def with_identifiers(text: str, found: Sequence[Entity], labels: Mapping[str, str]) -> tuple[Entity, ...]:
    """Add what `identifiers` finds by form and checksum, kind -> label; an entity that overlaps it gives way."""
    certain = [
        Entity(Span(start, end, labels[kind]), text[start:end], floor)
        for start, end, kind, floor in locate_identifiers(text)
        if kind in labels
    ]
    kept = [
        entity
        for entity in found
        if not any(entity.span.start < c.span.end and c.span.start < entity.span.end for c in certain)
    ]
    return tuple(sorted((*certain, *kept), key=lambda entity: entity.span.start))


Specialist: TypeAlias = "TextSpecialist | TokenSpecialist"


def load_specialist(
    name_or_dir: str | Path, base_dir: Path, *, device: str = "cpu", encoder: SharedEncoder | None = None
) -> Specialist:
    """Load a shipped specialist of either kind by name, or one by its folder, on the encoder in `base_dir`.

    Raises and takes time as `text.load_specialist` does.
    """
    folder, card = find(name_or_dir)
    if encoder is None:
        encoder = load_encoder(card, base_dir, device=device)
    kind = TextSpecialist if card.kind == "text-classification" else TokenSpecialist
    return kind(card, folder, encoder)


def answer_mixed(asks: Sequence[tuple[Specialist, str]]) -> list[Prediction | Entities]:
    """Let specialists of both kinds that share one encoder read their texts; one result for each, in order."""
    results: dict[int, Prediction | Entities] = {}
    texts = [(row, ask[0], ask[1]) for row, ask in enumerate(asks) if isinstance(ask[0], TextSpecialist)]
    found = predict_mixed([(specialist, text) for _, specialist, text in texts])
    results.update(zip((row for row, _, _ in texts), found, strict=True))
    finders: dict[str, list[tuple[int, TokenSpecialist, str]]] = {}
    for row, (specialist, text) in enumerate(asks):
        if isinstance(specialist, TokenSpecialist):
            finders.setdefault(specialist.name, []).append((row, specialist, text))
    for group in finders.values():
        entities = group[0][1].find([text for _, _, text in group])
        results.update(zip((row for row, _, _ in group), entities, strict=True))
    return [results[row] for row in range(len(asks))]
