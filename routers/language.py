"""Tells the language of a text from hashed character trigrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.heads import most_likely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.encoder import QuantisedRows

UNDETERMINED: Final = "und"
TRIGRAM_BITS: Final = 14
_CHARACTERS: Final = 160
_FEWEST_LETTERS: Final = 6
_FEWEST_IDEOGRAPHS: Final = 2
# Digits are one symbol, and so is everything below them: white space and most punctuation.
_FOLDED: Final = np.array(
    [32 if point < 48 else 48 if point <= 57 else point for point in range(128)], dtype=np.uint32
)
_NOT_LETTERS: Final = bytes(byte for byte in range(128) if not chr(byte).isalpha())


@dataclass(frozen=True, slots=True)
class LanguageHead:
    """A linear model over the trigrams of the first characters."""

    codes: tuple[str, ...]
    """ISO 639-1."""
    table: QuantisedRows
    """Shape (2 ** TRIGRAM_BITS, languages)."""
    bias: NDArray[np.float32]
    threshold: float
    """Below this probability the language is undetermined."""

    def __call__(self, text: str) -> str:
        """The ISO 639-1 code of the text, or `und` when it is short or unclear."""
        text = text[:_CHARACTERS]
        if not _has_enough_letters(text):
            return UNDETERMINED
        best, probability = most_likely(self.table.mean(trigram_ids(text)) + self.bias)
        return self.codes[best] if probability >= self.threshold else UNDETERMINED


def trigram_ids(text: str) -> NDArray[np.int64]:
    """Hashed character uni-, bi- and trigrams; digits and white space are one symbol each. Never empty."""
    folded = f" {text.lower()} "
    if folded.isascii():
        points = _FOLDED.take(np.frombuffer(folded.encode(), dtype=np.uint8))
    else:
        points = np.frombuffer(folded.encode("utf-32-le", "replace"), dtype=np.uint32)
        points = np.where(points < len(_FOLDED), _FOLDED.take(np.minimum(points, len(_FOLDED) - 1)), points)
    one = points * np.uint32(0x9E3779B1)
    two = one[:-1] + points[1:] * np.uint32(0x85EBCA6B) + np.uint32(0x27D4EB2F)
    three = two[:-1] + points[2:] * np.uint32(0xC2B2AE35) + np.uint32(0x165667B1)
    mixed = np.concatenate([one, two, three])
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    return (mixed >> np.uint32(32 - TRIGRAM_BITS)).astype(np.int64)


def _has_enough_letters(text: str) -> bool:
    if text.isascii():
        return len(text.encode().translate(None, _NOT_LETTERS)) >= _FEWEST_LETTERS
    letters = sum(map(str.isalpha, text))
    if letters >= _FEWEST_LETTERS:
        return True
    return letters >= _FEWEST_IDEOGRAPHS and any(c >= "\u3040" for c in text)
