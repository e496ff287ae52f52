"""The seam between a model that answers and the process that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Prediction:
    """One classified text. `probabilities` covers every label and sums to 1 (calibrated)."""

    label: str
    confidence: float
    probabilities: Mapping[str, float]
    tokens: int
    """Tokens of the text as the model read it, after truncation."""


class TextClassifier(Protocol):
    """A loaded specialist that assigns one of `labels` to each text."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify a batch; one prediction a text, in order. Blocking and CPU-bound."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a chat request asks of a specialist: classify `payload`, answer in `words`."""

    payload: str
    words: Mapping[str, str]
    """Specialist label -> the wording the caller asked for, e.g. `negative` -> `NEGATIVE`."""
    confidence: float
    """How sure the extraction is that this is the task, in 0-1."""


@dataclass(frozen=True, slots=True)
class Declined:
    """Why a specialist will not answer this request; the plan goes on to its next step."""

    reason: str
    """A sentence part for people, e.g. `the request asks for tool calls`."""
