"""Splits a request into word pieces, in bounded time, with the shape of each word kept beside it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
_BLOB: Final = np.array([UNKNOWN | BLOB << SHAPE_BITS], dtype=np.int32).tobytes()
_DIGIT_STEPS: Final = (1, 2, 3, 4, 6, 9, 12)

_WORDS: Final = re.compile(r"\w+|[^\w\s]")
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+|_")
_INNER: Final = "##"
"""Begins a piece that does not begin a word."""
_LONGEST_WORD: Final = 40
_LONGEST_CHUNK: Final = 24
_MEMO_SIZE: Final = 30_000
_LONGEST_NUMBER: Final = 4
"""Digits of a number that is remembered: longer ones seldom come again and would crowd words out."""
_SHORTEST_RESPELT, _LONGEST_RESPELT = 4, 16
_NUMBERS: Final = re.compile(r"\d{5}|\d\D+\d")
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
    """One tokenised request: the packed tokens of its texts, each of shape (tokens,)."""

    system: NDArray[np.int32]
    user: NDArray[np.int32]
    estimate: int
    """Tokens of the whole text, extrapolated over what was cut away."""

    @property
    def packed(self) -> NDArray[np.int32]:
        """Tokens of the system text, then of the user text."""
        return np.concatenate([self.system, self.user])


_Split = TypeVar("_Split")


class _Memo(dict[str, _Split]):
    """What texts were split into; they are split when first met."""

    def __init__(self, split: Callable[[str], _Split], worth_keeping: Callable[[str], bool]) -> None:
        super().__init__()
        self._split, self._worth_keeping = split, worth_keeping

    def __missing__(self, text: str) -> _Split:
        found = self._split(text)
        if self._worth_keeping(text):
            if len(self) >= _MEMO_SIZE:
                self.clear()
            self[text] = found
        return found


class Tokenizer:
    """WordPiece over a fixed vocabulary, with a memo of what was already split.

    Natural text repeats its words, so that the memo makes this several times faster than a general tokenizer.
    Not thread-safe in the strict sense, but every race ends in the same value.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: index for index, piece in enumerate(vocabulary)}
        bare = [piece.removeprefix(_INNER) for piece in vocabulary]
        self._longest = max(map(len, bare), default=1)
        self._longest_number = max((len(piece) for piece in bare if piece.isdigit()), default=1)
        # Packed tokens, as the bytes of an int32 array.
        self._words: _Memo[bytes] = _Memo(self._split_word, _is_word_worth_keeping)
        self._chunks: _Memo[bytes] = _Memo(self._split_chunk, _is_chunk_worth_keeping)
        # Long numbers are all different, their beginnings are few.
        self._number_pieces: _Memo[tuple[int, int]] = _Memo(self._longest_match, str.isascii)
        self._systems: dict[str, tuple[NDArray[np.int32], int]] = {}

    def __call__(self, text: RequestText) -> Tokens:
        """Tokenise a request; time and memory are bounded whatever the text is."""
        system, system_count = self._split_system(text.system)
        user, user_count = self._split(text.user, _USER_HEAD, _USER_TAIL, _MAX_USER)
        return Tokens(system, user, system_count + user_count)

    def _split_system(self, text: str) -> tuple[NDArray[np.int32], int]:
        """System texts are few and come again with every request of an application: they are split once."""
        found = self._systems.get(text)
        if found is None:
            found = self._split(text, _SYSTEM_HEAD, _SYSTEM_TAIL, _MAX_SYSTEM)
            if len(self._systems) >= MEMO_SYSTEMS:
                self._systems.clear()
            if len(text) <= _LONGEST_SYSTEM:
                self._systems[text] = found
        return found

    def _split(self, text: str, head: int, tail: int, limit: int) -> tuple[NDArray[np.int32], int]:
        kept = cut(text, head, tail)
        chunks = kept.split()
        tokens = np.frombuffer(b"".join(map(self._chunks.__getitem__, chunks)), dtype=np.int32)
        estimate = len(tokens)
        # A blob is one token here but about a token for four characters to a language model.
        if chunks and max(map(len, chunks)) > _LONGEST_WORD:
            estimate += sum(len(chunk) for chunk in chunks if len(chunk) > _LONGEST_WORD) // 4
        if len(kept) < len(text):
            estimate = round(estimate * len(text) / len(kept))
        if len(tokens) > limit:
            tail_tokens = limit // 3
            tokens = np.concatenate([tokens[: limit - tail_tokens], tokens[-tail_tokens:]])
        return tokens, estimate

    def _split_chunk(self, chunk: str) -> bytes:
        """What stands between white space: a word with its punctuation, most often."""
        return b"".join(map(self._words.__getitem__, _WORDS.findall(chunk)))

    def _split_word(self, word: str) -> bytes:
        if len(word) > _LONGEST_WORD and not _is_unspaced(word):
            return _BLOB
        return np.fromiter(self._pieces(word), dtype=np.int32).tobytes()

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
            elif known := self._respelt(folded):
                yield self._ids[known] | shape << SHAPE_BITS
            else:
                yield from self._longest_matches(folded, shape)

    def _respelt(self, word: str) -> str | None:
        """The known word that one mistake turned into this one: two letters exchanged, one doubled, or one missing."""
        if not (_SHORTEST_RESPELT <= len(word) <= _LONGEST_RESPELT and word.isascii() and word.isalpha()):
            return None
        for at in range(1, len(word) - 1):
            exchanged = f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
            if exchanged in self._ids:
                return exchanged
            if word[at] == word[at - 1] and (single := word[:at] + word[at + 1 :]) in self._ids:
                return single
        return self._completed(word)

    def _completed(self, word: str) -> str | None:
        """The most frequent known word that this one is when an inner letter is missing. Unknown words are remembered,
        so that trying every letter costs less than a table would in memory."""
        if len(word) >= _LONGEST_RESPELT:
            return None
        tried = (
            f"{word[:at]}{letter}{word[at:]}" for at in range(1, len(word)) for letter in ascii_lowercase
        )
        return min((known for known in tried if known in self._ids), key=self._ids.__getitem__, default=None)

    def _longest_matches(self, word: str, shape: int) -> Iterator[int]:
        """Greedy longest-match-first, as in BERT, but an unknown rest is skipped, not the whole word."""
        if word.isdigit():
            longest, match = self._longest_number, self._number_pieces.__getitem__
        else:
            longest, match = self._longest, self._longest_match
        start, prefix = 0, ""
        while start < len(word):
            index, length = match(prefix + word[start : start + longest])
            yield index | shape << SHAPE_BITS
            if index == UNKNOWN:
                return
            start, shape, prefix = start + length, CONTINUATION, _INNER

    def _longest_match(self, text: str) -> tuple[int, int]:
        """Id of the longest piece that the text begins with, and its characters; `UNKNOWN` and 0 if there is none."""
        before = len(_INNER) if text.startswith(_INNER) else 0
        for end in range(len(text), before, -1):
            index = self._ids.get(text[:end])
            if index is not None:
                return index, end - before
        return UNKNOWN, 0


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


def _is_word_worth_keeping(word: str) -> bool:
    return len(word) <= _LONGEST_WORD and not (word.isdigit() and len(word) > _LONGEST_NUMBER)


def _is_chunk_worth_keeping(chunk: str) -> bool:
    return len(chunk) <= _LONGEST_CHUNK and _NUMBERS.search(chunk) is None


def _is_unspaced(word: str) -> bool:
    """Whether the first letter is of a script written without spaces (Thai to CJK)."""
    return ord(word[0]) >= 0x0E00
