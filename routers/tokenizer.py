"""Splits a request into word pieces, in bounded time, with the shape of each word kept beside it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from routers.signals import RequestText

UNKNOWN: Final = 1
BEGIN: Final = 2
END: Final = 3
"""Ids of `[UNK]`, `[CLS]` and `[SEP]` in the vocabulary."""

SHAPE_BITS: Final = 16
"""A token is packed as `id | shape << SHAPE_BITS`."""

# Word shapes. Word pieces are case-folded; the shape keeps what folding loses.
LOWER, TITLE, UPPER, MIXED, PUNCTUATION, FOREIGN, BLOB, CONTINUATION = range(8)
FIRST_DIGITS: Final = 8  # 8 to 15: numbers by how many digits they have
_DIGIT_STEPS: Final = (1, 2, 3, 4, 6, 9, 12)

_WORDS: Final = re.compile(r"\w+|[^\w\s]")
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+|_")
_LONGEST_WORD: Final = 40
_MEMO_WORDS: Final = 40_000
_LONGEST_NUMBER: Final = 4
"""Digits of a number that is remembered: longer ones seldom come again and would crowd words out."""
MEMO_SYSTEMS: Final = 256
_LONGEST_SYSTEM: Final = 20_000
"""Characters of a system text that is remembered."""
_SYSTEM_HEAD, _SYSTEM_TAIL = 900, 300
_USER_HEAD, _USER_TAIL = 2600, 1400
"""Characters kept of each text; what lies between head and tail is not looked at."""
_MAX_SYSTEM, _MAX_USER = 128, 384
"""Tokens kept of each text: two thirds from its head, one third from its tail."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One tokenised request: packed tokens of the system text, then of the user text."""

    packed: NDArray[np.int32]
    system: int
    """How many leading tokens belong to the system text."""
    estimate: int
    """Tokens of the whole text, extrapolated over what was cut away."""


class Tokenizer:
    """WordPiece over a fixed vocabulary, with a memo of words already split.

    Natural text repeats its words, so that the memo makes this several times faster than a general tokenizer.
    Not thread-safe in the strict sense, but every race ends in the same value.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: index for index, piece in enumerate(vocabulary)}
        bare = [piece.removeprefix("##") for piece in vocabulary]
        self._longest = max(map(len, bare), default=1)
        self._longest_number = max((len(piece) for piece in bare if piece.isdigit()), default=1)
        self._memo: dict[str, tuple[int, ...]] = {}
        self._systems: dict[str, tuple[list[int], int]] = {}

    def __call__(self, text: RequestText) -> Tokens:
        """Tokenise a request; time and memory are bounded whatever the text is."""
        system, system_count = self._split_system(text.system)
        user, user_count = self._split(text.user, _USER_HEAD, _USER_TAIL, _MAX_USER)
        packed = np.array(system + user, dtype=np.int32)
        return Tokens(packed=packed, system=len(system), estimate=system_count + user_count)

    def _split_system(self, text: str) -> tuple[list[int], int]:
        """System texts are few and come again with every request of an application: they are split once."""
        found = self._systems.get(text)
        if found is None:
            found = self._split(text, _SYSTEM_HEAD, _SYSTEM_TAIL, _MAX_SYSTEM)
            if len(self._systems) >= MEMO_SYSTEMS:
                self._systems.clear()
            if len(text) <= _LONGEST_SYSTEM:
                self._systems[text] = found
        return found

    def _split(self, text: str, head: int, tail: int, limit: int) -> tuple[list[int], int]:
        kept = cut(text, head, tail)
        tokens: list[int] = []
        memo, extend = self._memo, tokens.extend
        for word in _WORDS.findall(kept):
            pieces = memo.get(word)
            extend(self._remember(word) if pieces is None else pieces)
        # A blob is one token here but about a token for four characters to a language model.
        blobs = sum(len(word) for word in kept.split() if len(word) > _LONGEST_WORD) // 4
        estimate = len(tokens) + blobs
        if len(kept) < len(text):
            estimate = round(estimate * len(text) / len(kept))
        if len(tokens) > limit:
            tail_tokens = limit // 3
            tokens = tokens[: limit - tail_tokens] + tokens[-tail_tokens:]
        return tokens, estimate

    def _remember(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD and not _is_unspaced(word):
            return (UNKNOWN | BLOB << SHAPE_BITS,)
        pieces = tuple(self._pieces(word))
        if len(self._memo) >= _MEMO_WORDS:
            self._memo.clear()
        if len(word) <= _LONGEST_WORD and not (word.isdigit() and len(word) > _LONGEST_NUMBER):
            self._memo[word] = pieces
        return pieces

    def _pieces(self, word: str) -> Iterator[int]:
        """Packed pieces of one run of word characters or one punctuation mark."""
        for part in _PARTS.findall(word) or (word,):
            shape = word_shape(part)
            folded = fold(part)
            if folded in self._ids:
                yield self._ids[folded] | shape << SHAPE_BITS
            elif _is_unspaced(part):
                for character in folded:
                    yield self._ids.get(character, UNKNOWN) | FOREIGN << SHAPE_BITS
            else:
                yield from self._longest_matches(folded, shape)

    def _longest_matches(self, word: str, shape: int) -> Iterator[int]:
        """Greedy longest-match-first, as in BERT, but an unknown rest is skipped, not the whole word."""
        start = 0
        longest = self._longest_number if word.isdigit() else self._longest
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + longest), start, -1):
                index = self._ids.get(prefix + word[start:end])
                if index is not None:
                    yield index | shape << SHAPE_BITS
                    break
            else:
                yield UNKNOWN | shape << SHAPE_BITS
                return
            start, shape = end, CONTINUATION


def cut(text: str, head: int, tail: int) -> str:
    """The text itself, or its first `head` and last `tail` characters when it is longer than both."""
    return text if len(text) <= head + tail else f"{text[:head]} {text[-tail:]}"


def fold(word: str) -> str:
    """Lower case without accents, as the vocabulary was made."""
    word = word.lower()
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")


def word_shape(word: str) -> int:
    """What case and length say about a word that its folded spelling does not."""
    if word.isdigit():
        return FIRST_DIGITS + sum(len(word) > step for step in _DIGIT_STEPS)
    if not word[0].isalpha():
        return PUNCTUATION
    if not word.isascii() and _is_unspaced(word):
        return FOREIGN
    if word.islower():
        return LOWER
    if word.istitle():
        return TITLE
    return UPPER if word.isupper() else MIXED


def _is_unspaced(word: str) -> bool:
    """Whether the first letter is of a script written without spaces (Thai to CJK)."""
    return ord(word[0]) >= 0x0E00
