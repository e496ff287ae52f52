"""What one pass of the classifier says about a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RequestText:
    """The text of a request that routing looks at.

    `system` is every system or developer message, `user` the last user turn. The heads read these two.
    """

    user: str
    system: str = ""
    turns: int = 1
    """How many turns the user has had."""
    earlier: str = ""
    """The user's turns before the last; searched for identifiers of people."""
    replies: int = 0
    """Characters of what others said, models and tools; only their number counts."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Every learned signal a policy may use; probabilities are calibrated and lie in 0-1."""

    task: str
    task_confidence: float
    domain: str
    domain_confidence: float
    difficulty: float
    """Probability that the reference small tier fails on this request."""
    success: Mapping[str, float]
    """For each ability vector the artifact knows: the probability of an acceptable answer."""
    pii: float
    injection: float
    language: str
    """ISO 639-1 code, or `und` when the text is too short to tell."""
    tokens: int
    """Estimated prompt tokens of the whole conversation (static tokenizer, not the target's own)."""
