"""Tells the language of a text from the hashed characters of its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from routers.heads import most_likely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.encoder import QuantisedRows

    Floats = NDArray[np.float32]

UNDETERMINED: Final = "und"
TRIGRAM_BITS: Final = 14
_CHARACTERS: Final = 160
_FEWEST_LETTERS: Final = 6
_FEWEST_IDEOGRAPHS: Final = 2
_MEMO_WORDS: Final = 12_000
_LONGEST_WORD: Final = 24
_NOT_LETTERS: Final = str.maketrans({chr(point): " " for point in range(128) if not chr(point).isalpha()})


class LanguageHead:
    """A linear model over the trigrams of the first words. A word's contribution is remembered.

    Not thread-safe in the strict sense, but every race ends in the same value.
    """

    def __init__(
        self, codes: tuple[str, ...], table: QuantisedRows, bias: NDArray[np.float32], threshold: float
    ) -> None:
        """`codes` are of ISO 639-1, `table` has shape (2 ** TRIGRAM_BITS, languages); below the probability `threshold`
        the language is undetermined."""
        self.codes, self.table, self.bias, self.threshold = codes, table, bias, threshold
        self._words = _Evidence(table)

    def __call__(self, text: str) -> str:
        """The ISO 639-1 code of the text, or `und` when it is short or unclear."""
        words = words_of(text)
        if not _are_enough(words):
            return UNDETERMINED
        evidence = np.frombuffer(b"".join(map(self._words.__getitem__, words)), dtype=np.float32)
        sums = np.ones(len(words), dtype=np.float32) @ evidence.reshape(len(words), -1)
        best, probability = most_likely(sums[:-1] / sums[-1] + self.bias)
        return self.codes[best] if probability >= self.threshold else UNDETERMINED


class _Evidence(dict[str, bytes]):
    """By word: the sum of its trigrams' rows and how many there are, as the bytes of a float32 array."""

    def __init__(self, table: QuantisedRows) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, word: str) -> bytes:
        ids = trigram_ids(word)
        evidence = (
            np.append(self._table.mean(ids) * len(ids), np.float32(len(ids))).astype(np.float32).tobytes()
        )
        if len(word) <= _LONGEST_WORD:
            if len(self) >= _MEMO_WORDS:
                self.clear()
            self[word] = evidence
        return evidence


def words_of(text: str) -> list[str]:
    """The words at the head of a text, in lower case and without ASCII digits and punctuation."""
    return text[:_CHARACTERS].lower().translate(_NOT_LETTERS).split()


def trigram_ids(word: str) -> NDArray[np.int64]:
    """Hashed character uni-, bi- and trigrams of a word and the blanks around it. Never empty."""
    points = np.frombuffer(f" {word} ".encode("utf-32-le", "replace"), dtype=np.uint32)
    one = points * np.uint32(0x9E3779B1)
    two = one[:-1] + points[1:] * np.uint32(0x85EBCA6B) + np.uint32(0x27D4EB2F)
    three = two[:-1] + points[2:] * np.uint32(0xC2B2AE35) + np.uint32(0x165667B1)
    mixed = np.concatenate([one, two, three])
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    return (mixed >> np.uint32(32 - TRIGRAM_BITS)).astype(np.int64)


def _are_enough(words: list[str]) -> bool:
    text = "".join(words)
    count = len(text) if text.isascii() else sum(map(str.isalpha, text))
    if count >= _FEWEST_LETTERS:
        return True
    return count >= _FEWEST_IDEOGRAPHS and any(c >= "\u3040" for c in text)
