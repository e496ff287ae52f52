"""One pass over a request that yields every learned signal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from routers.ability import Abilities, PredictedSuccess
from routers.artifact import SHIPPED, load
from routers.attainable import Attainable, attainable
from routers.features import identifier_floor
from routers.heads import Layers, most_likely
from routers.labels import REFERENCE_MODEL
from routers.language import UNDETERMINED
from routers.reading import read
from routers.signals import Signals
from routers.tokenizer import Tokenizer
from routers.unread import unread_floor, unread_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.calibration import Platt
    from routers.signals import RequestText
    from routers.spans import Span
    from routers.tokenizer import Tokens


@dataclass(frozen=True, slots=True)
class Labels:
    """The label names that a classifier may answer with."""

    tasks: tuple[str, ...]
    domains: tuple[str, ...]
    languages: tuple[str, ...]
    """ISO 639-1 codes, and `und` for what cannot be told."""


class RequestClassifier:
    """Reads requests with numpy alone, about half a millisecond for 512 tokens on one core."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._tokenizer = Tokenizer(artifact.vocabulary)
        self._predicted = {name: row for row, name in enumerate(artifact.abilities.names)}
        self._reference = artifact.abilities.vectors[artifact.abilities.names.index(REFERENCE_MODEL)]
        self._layers = Layers(artifact.labels, artifact.ability)

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read an artifact folder, or the shipped one. Raises ArtifactError when it cannot be read."""
        return cls(load(SHIPPED if path is None else path))

    def with_abilities(self, vectors: Mapping[str, NDArray[np.float32]]) -> Self:
        """The same classifier, which also predicts the success of these models; shape (dimensions,) each.

        A name that it knew stands for the new vector. `version` tells the two classifiers apart, `difficulty`
        does not change. Raises ValueError when a vector has another length.
        """
        if not vectors:
            return self
        known = self._artifact.abilities
        # Appended, also where the name is known: the reference model's own vector keeps giving `difficulty`,
        # and the later one of two entries is what a mapping by name keeps.
        more = Abilities((*known.names, *vectors), np.vstack([known.vectors, *vectors.values()]))
        content = hashlib.sha256()
        for name, vector in vectors.items():
            content.update(name.encode() + b"\0" + np.asarray(vector, dtype="<f4").tobytes())
        version = f"{self._artifact.version}+{content.hexdigest()[:8]}"
        return type(self)(replace(self._artifact, abilities=more, version=version))

    @property
    def quick(self) -> bool:
        """Whether a request takes a millisecond at most, and not the several of a transformer."""
        return self._artifact.encoder.quick

    @property
    def labels(self) -> Labels:
        """The names of tasks, domains and languages, in the order of the artifact."""
        artifact = self._artifact
        return Labels(artifact.tasks, artifact.domains, (*artifact.language.codes, UNDETERMINED))

    def attainable(self) -> Attainable:
        """The lowest and the highest value that each signal can have, whatever the request."""
        return attainable(self._artifact)

    @property
    def abilities(self) -> tuple[str, ...]:
        """Names of the models whose success is predicted."""
        return tuple(dict.fromkeys(self._artifact.abilities.names))

    @property
    def ability_vectors(self) -> dict[str, NDArray[np.float32]]:
        """The vector of each of `abilities`, shape (dimensions,)."""
        return dict(zip(self._artifact.abilities.names, self._artifact.abilities.vectors, strict=True))

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that name the artifact; `+` and eight that name what was added to it."""
        return self._artifact.version

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request. Total: any text gets an answer, in bounded time."""
        model = self._artifact
        tokens, features, vector = self._encode(text)
        task_logits, domain_logits, flags, embedding = self._layers(vector)
        task, task_confidence = most_likely(task_logits / model.task_temperature)
        domain, domain_confidence = most_likely(domain_logits / model.domain_temperature)
        demand, difficulty = embedding[:-1], float(embedding[-1])
        return Signals(
            task=model.tasks[task],
            task_confidence=task_confidence,
            domain=model.domains[domain],
            domain_confidence=domain_confidence,
            difficulty=model.difficulty(difficulty - float(self._reference @ demand)),
            success=PredictedSuccess(self._predicted, model.abilities.vectors, embedding, model.success),
            pii=max(model.pii(float(flags[0])), identifier_floor(features), unread_floor(text)),
            injection=model.injection(float(flags[1])),
            language=model.language(text.user),
            tokens=tokens.estimate + unread_tokens(text),
        )

    def success(self, embedding: NDArray[np.float32]) -> PredictedSuccess:
        """The predictions for a request that was embedded before; shape (dimensions + 1,), else ValueError."""
        known = self._artifact.abilities.vectors
        if embedding.shape != (known.shape[1] + 1,):
            raise ValueError(f"an embedding has {known.shape[1] + 1} numbers, not {embedding.shape}")
        return PredictedSuccess(self._predicted, known, embedding, self._artifact.success)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Personal data in a text with its places, by the shipped finder; tens of microseconds a sentence.

        Not part of `classify`: for redaction, and to show what `pii` may have seen.
        """
        from routers.spans import shipped  # only here: most processes never ask

        return shipped()(text)

    @property
    def success_calibration(self) -> Platt:
        """What makes a probability of the logit of success."""
        return self._artifact.success

    def inputs(self, text: RequestText) -> NDArray[np.float32]:
        """What every head reads of a request: its encoding and features, shape (width,)."""
        return self._encode(text)[2]

    def embed(self, text: RequestText) -> NDArray[np.float32]:
        """What `Abilities.place` takes: the demand of the request and its difficulty, shape (dimensions + 1,)."""
        return self._artifact.ability(self._encode(text)[2])

    def _encode(self, text: RequestText) -> tuple[Tokens, NDArray[np.float32], NDArray[np.float32]]:
        tokens, features = read(self._tokenizer, text)
        vector = np.concatenate([self._artifact.encoder(tokens), self._artifact.features(features)])
        return tokens, features, vector
