"""One pass over a request that yields every learned signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from routers.ability import sigmoid, success_logits
from routers.artifact import SHIPPED, load
from routers.features import identifier_columns, text_features
from routers.heads import softmax
from routers.identifiers import FLOORS, IDENTIFIERS
from routers.labels import REFERENCE_MODEL
from routers.signals import Signals
from routers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.signals import RequestText
    from routers.tokenizer import Tokens


@dataclass(frozen=True, slots=True)
class Labels:
    """The label names that a classifier may answer with."""

    tasks: tuple[str, ...]
    domains: tuple[str, ...]


class RequestClassifier:
    """Reads requests with numpy alone, about half a millisecond for 512 tokens on one core."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._tokenizer = Tokenizer(artifact.vocabulary)
        self._reference = artifact.abilities.names.index(REFERENCE_MODEL)
        self._floors = np.array([FLOORS[name] for name in IDENTIFIERS])

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read an artifact folder, or the shipped one. Raises ArtifactError when it cannot be read."""
        return cls(load(SHIPPED if path is None else path))

    @property
    def labels(self) -> Labels:
        """The task and domain names, in the order of the artifact."""
        return Labels(tasks=self._artifact.tasks, domains=self._artifact.domains)

    @property
    def abilities(self) -> tuple[str, ...]:
        """Names of the models whose success is predicted."""
        return self._artifact.abilities.names

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that name the artifact."""
        return self._artifact.version

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request. Total: any text gets an answer, in bounded time."""
        model = self._artifact
        tokens, features, vector = self._encode(text)
        task_logits, domain_logits, flags = model.labels(vector)
        task = softmax(task_logits / model.task_temperature)
        domain = softmax(domain_logits / model.domain_temperature)
        logits = success_logits(model.abilities.vectors, model.ability(vector))
        success = sigmoid(model.success.slope * logits + model.success.offset)
        found = features[identifier_columns()]
        return Signals(
            task=model.tasks[int(task.argmax())],
            task_confidence=float(task.max()),
            domain=model.domains[int(domain.argmax())],
            domain_confidence=float(domain.max()),
            difficulty=model.difficulty(-float(logits[self._reference])),
            success=model.abilities.as_mapping(success),
            pii=max(model.pii(float(flags[0])), float((found * self._floors).max())),
            injection=model.injection(float(flags[1])),
            language=model.language(text.user),
            tokens=tokens.estimate,
        )

    def embed(self, text: RequestText) -> NDArray[np.float32]:
        """What `Abilities.place` takes: the demand of the request and its difficulty, shape (dimensions + 1,)."""
        return self._artifact.ability(self._encode(text)[2])

    def _encode(self, text: RequestText) -> tuple[Tokens, NDArray[np.float32], NDArray[np.float32]]:
        tokens = self._tokenizer(text)
        features = text_features(text, tokens)
        vector = np.concatenate([self._artifact.encoder(tokens), self._artifact.features(features)])
        return tokens, features, vector
