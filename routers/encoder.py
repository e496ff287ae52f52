"""Turns a tokenised request into one vector: pooled static embeddings, word-pair evidence, text features."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from routers.tokenizer import BEGIN, END, MEMO_SYSTEMS, SHAPE_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.tokenizer import Tokens

    Floats = NDArray[np.float32]

WINDOWS: Final = ("system", "user", "head", "tail", "first", "last")
"""What is pooled apart: instructions stand at the ends of a text, which its middle would drown."""
_WIDE, _NARROW = 24, 8
NGRAM_BITS: Final = 15
"""Word pairs and shapes are hashed into 2 ** NGRAM_BITS rows."""
_BEGIN: Final = np.array([BEGIN], dtype=np.int32)
_END: Final = np.array([END], dtype=np.int32)
PAIR_WIDTH: Final = 32
EVIDENCE_WIDTH: Final = 32
_MULTIPLIERS: Final = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35], dtype=np.uint32)
# Salts of a word, of the word that ends a pair, and of the first, second and third shape.
_WORD_SALT: Final = np.uint32(0x9E485565)
_PAIR_SALT: Final = np.uint32((0x27D4EB2F - 0x9E485565) % 2**32)
_SHAPE_SALTS: Final = np.array(
    [[0], [(0x165667B1 - 0x9E485565) % 2**32], [(0x2545F491 - 0x165667B1 + 0x9E485565) % 2**32]],
    dtype=np.uint32,
)
_ID: Final = np.uint32((1 << SHAPE_BITS) - 1)
_SHIFT: Final = np.uint32(SHAPE_BITS)
_FEW_ROWS: Final = 16
_SHORTEST: Final = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class QuantisedRows:
    """An embedding table of int8 rows, each with its own scale. Only the rows asked for become floats."""

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    def take(self, ids: NDArray[np.integer]) -> Floats:
        """The rows of `ids`, shape (len(ids), width)."""
        return np.asarray(self.rows.take(ids, axis=0).astype(np.float32) * self.scales[ids, None])

    def mean(self, ids: NDArray[np.integer]) -> Floats:
        """The mean of the rows of `ids`, shape (width,)."""
        rows = self.rows.take(ids, axis=0).astype(np.float32)
        return np.asarray(self.scales.take(ids) @ rows / np.float32(len(ids)))

    @classmethod
    def of(cls, table: Floats) -> QuantisedRows:
        """Quantise symmetrically: the largest entry of a row becomes 127, so that no entry is off by more
        than half a step of its row's scale."""
        scales = (np.maximum(np.abs(table).max(axis=1), 1e-8) / 127).astype(np.float32)
        rows = np.rint(table / scales[:, None]).astype(np.int8)
        return cls(rows=rows, scales=scales)


@dataclass(frozen=True, slots=True)
class QuantisedColumns:
    """A table of int8 columns, each with its own scale, so that a maximum can be taken before scaling."""

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    def maximum(self, ids: NDArray[np.integer]) -> Floats:
        """The largest entry of each column over the rows of `ids`, shape (width,)."""
        return np.asarray(self.rows.take(ids, axis=0).max(axis=0) * self.scales)

    @classmethod
    def of(cls, table: Floats) -> QuantisedColumns:
        """Quantise symmetrically by column."""
        scales = (np.maximum(np.abs(table).max(axis=0), 1e-8) / 127).astype(np.float32)
        return cls(rows=np.rint(table / scales).astype(np.int8), scales=scales)


class Encoder:
    """The two tables behind a request's vector: word vectors, and rows of hashed n-grams.

    Of an n-gram's row, the first `PAIR_WIDTH` columns are averaged over a request and the rest are maximised: rows as
    long as a cache line, because fetching them from memory is most of what the look-up costs.
    """

    def __init__(self, words: QuantisedRows, ngrams: QuantisedColumns) -> None:
        self.words, self.ngrams = words, ngrams
        self._pair_scales = ngrams.scales[:PAIR_WIDTH]
        self._evidence_scales = ngrams.scales[PAIR_WIDTH:]
        self._systems: dict[bytes, _Prefix] = {}

    @property
    def quick(self) -> bool:
        """True: a text takes microseconds."""
        return True

    def __call__(self, tokens: Tokens) -> Floats:
        """Pooled windows, averaged and maximised n-grams: shape (6 * words + PAIR_WIDTH + EVIDENCE_WIDTH,)."""
        prefix, user = self._prefix(tokens.system), tokens.user
        rest = self._look_up(np.concatenate([prefix.last, user, _END]), context=len(prefix.last))
        return np.concatenate(
            [
                prefix.pooled,
                self._pool(user, _user_weights(len(user))),
                (prefix.pairs + rest.pairs) * (self._pair_scales / np.float32(prefix.size + rest.size)),
                np.maximum(prefix.evidence, rest.evidence) * self._evidence_scales,
            ]
        )

    def _prefix(self, system: NDArray[np.int32]) -> _Prefix:
        """What the system text contributes. The same text comes with every request of an application."""
        key = system.tobytes()
        found = self._systems.get(key)
        if found is None:
            padded = np.concatenate([_BEGIN, system])
            looked_up = self._look_up(padded, context=0)
            weights = window_weights(len(system), len(system))[:1]
            found = _Prefix(self._pool(system, weights), padded[-2:], *looked_up)
            if len(self._systems) >= MEMO_SYSTEMS:
                self._systems.clear()
            self._systems[key] = found
        return found

    def _pool(self, packed: NDArray[np.int32], weights: Floats) -> Floats:
        """Unit vectors along weighted sums of word vectors, shape (len(weights) * words,)."""
        ids = packed.view(np.uint32) & _ID
        vectors = self.words.rows.take(ids, axis=0).astype(np.float32)
        sums = np.asarray((weights * self.words.scales.take(ids)) @ vectors, dtype=np.float32)
        return unit_rows(sums).ravel()

    def _look_up(self, padded: NDArray[np.int32], *, context: int) -> _LookedUp:
        """Sums over the n-grams of `padded` that do not lie in its first `context` tokens alone."""
        rows = self.ngrams.rows.take(hash_ngrams(padded, context), axis=0)
        # A product with ones is a sum, several times faster than `sum` over the first axis.
        pairs = np.ones(len(rows), dtype=np.float32) @ rows[:, :PAIR_WIDTH].astype(np.float32)
        return _LookedUp(np.asarray(pairs), column_maxima(rows)[PAIR_WIDTH:], len(rows))


class _LookedUp(NamedTuple):
    """Sum of the averaged columns and maximum of the others, before scaling, and how many rows there were."""

    pairs: Floats
    evidence: NDArray[np.int8]
    size: int


class _Prefix(NamedTuple):
    """The part of a request's vector that its system text decides."""

    pooled: Floats
    last: NDArray[np.int32]
    """The last tokens, which n-grams of what follows begin with."""
    pairs: Floats
    evidence: NDArray[np.int8]
    size: int


@functools.cache
def _user_weights(length: int) -> Floats:
    """Rows of `window_weights` for the windows of a user text; there are few lengths, as texts are cut."""
    return window_weights(length, 0)[1:]


def window_weights(length: int, system: int) -> Floats:
    """Which tokens each of `WINDOWS` averages, shape (6, length)."""
    weights = np.zeros((len(WINDOWS), length), dtype=np.float32)
    for row, (start, end) in enumerate(window_spans(length, system)):
        weights[row, start:end] = 1.0 / max(end - start, 1)
    return weights


def window_spans(length: int, system: int) -> tuple[tuple[int, int], ...]:
    """First and last-but-one token of each of `WINDOWS`."""
    return (
        (0, system),
        (system, length),
        (system, min(system + _WIDE, length)),
        (max(length - _WIDE, system), length),
        (system, min(system + _NARROW, length)),
        (max(length - _NARROW, system), length),
    )


def unit_rows(matrix: Floats) -> Floats:
    """Each row scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.vecdot(matrix, matrix))
    return np.asarray(matrix / np.maximum(norms, _SHORTEST)[:, None], dtype=np.float32)


def column_maxima(rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """Largest entry of each column, shape (columns,). Halving works on long runs of bytes, row by row on short ones."""
    while len(rows) > _FEW_ROWS:
        half = (len(rows) + 1) // 2
        rows = np.maximum(rows[:half], rows[-half:])
    return np.asarray(rows.max(axis=0))


def ngram_ids(packed: NDArray[np.int32]) -> NDArray[np.int64]:
    """Hashed rows of every n-gram of a request; never empty."""
    return hash_ngrams(np.concatenate([_BEGIN, packed, _END]), 0).astype(np.int64)


def hash_ngrams(tokens: NDArray[np.int32], context: int) -> NDArray[np.uint32]:
    """Hashed rows of every word, pair of words, word before a shape, and three shapes.

    Those that lie wholly within the first `context` tokens (at most two) are left out.
    """
    padded = tokens.view(np.uint32)
    # Arithmetic is modulo 2 ** 32. A salt tells each kind of n-gram apart; it is added where it costs least.
    one = (padded & _ID) * _MULTIPLIERS[0] + _WORD_SALT
    second = (padded & _ID) * _MULTIPLIERS[1] + _PAIR_SALT
    shapes = (padded >> _SHIFT) * _MULTIPLIERS[:, None] + _SHAPE_SALTS
    two, three = max(context - 1, 0), max(context - 2, 0)
    mixed = np.concatenate(
        [
            one[context:],
            one[two:-1] + second[two + 1 :],
            one[two:-1] + shapes[1, two + 1 :],
            shapes[0, three:-2] + shapes[1, three + 1 : -1] + shapes[2, three + 2 :],
        ]
    )
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed >>= np.uint32(32 - NGRAM_BITS)
    return mixed
