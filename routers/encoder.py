"""Turns a tokenised request into one vector: pooled static embeddings, word-pair evidence, text features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.tokenizer import BEGIN, END, SHAPE_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.tokenizer import Tokens

    Floats = NDArray[np.float32]

WINDOW: Final = 24
"""Tokens at each end of the user text that are pooled apart: instructions stand first or last."""
WINDOWS: Final = ("system", "user", "head", "tail")
NGRAM_BITS: Final = 15
"""Word pairs and shapes are hashed into 2 ** NGRAM_BITS rows."""
_MULTIPLIERS: Final = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35], dtype=np.uint32)
_SALTS: Final = (0x27D4EB2F, 0x165667B1, 0x2545F491)


@dataclass(frozen=True, slots=True)
class QuantisedRows:
    """An embedding table of int8 rows, each with its own scale. Only the rows asked for become floats."""

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    def take(self, ids: NDArray[np.integer]) -> Floats:
        """The rows of `ids`, shape (len(ids), width)."""
        return np.asarray(self.rows[ids].astype(np.float32) * self.scales[ids, None])

    @classmethod
    def of(cls, table: Floats) -> QuantisedRows:
        """Quantise symmetrically: the largest entry of a row becomes 127, so that no entry is off by more
        than half a step of its row's scale."""
        scales = (np.maximum(np.abs(table).max(axis=1), 1e-8) / 127).astype(np.float32)
        rows = np.rint(table / scales[:, None]).astype(np.int8)
        return cls(rows=rows, scales=scales)


@dataclass(frozen=True, slots=True)
class Encoder:
    """The three tables behind a request's vector."""

    words: QuantisedRows
    pairs: QuantisedRows
    evidence: QuantisedRows

    def __call__(self, tokens: Tokens) -> Floats:
        """Pooled windows, mean of pairs, maximum of evidence: shape (4 * words + pairs + evidence,)."""
        ids = tokens.packed & ((1 << SHAPE_BITS) - 1)
        vectors = self.words.rows[ids].astype(np.float32)
        weights = window_weights(len(ids), tokens.system) * self.words.scales[ids]
        pooled = unit_rows(weights @ vectors)
        hashed = ngram_ids(tokens.packed)
        pairs = self.pairs.take(hashed).mean(axis=0)
        evidence = self.evidence.take(hashed).max(axis=0)
        return np.concatenate([pooled.ravel(), pairs, evidence])


def window_weights(length: int, system: int) -> Floats:
    """Which tokens each of `WINDOWS` averages, shape (4, length)."""
    weights = np.zeros((len(WINDOWS), length), dtype=np.float32)
    for row, (start, end) in enumerate(window_spans(length, system)):
        weights[row, start:end] = 1.0 / max(end - start, 1)
    return weights


def window_spans(length: int, system: int) -> tuple[tuple[int, int], ...]:
    """First and last-but-one token of each of `WINDOWS`."""
    head = min(system + WINDOW, length)
    return (0, system), (system, length), (system, head), (max(length - WINDOW, system), length)


def unit_rows(matrix: Floats) -> Floats:
    """Each row scaled to length 1; rows of zeros stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    return np.asarray(matrix / np.maximum(norms, 1e-6)[:, None], dtype=np.float32)


def ngram_ids(packed: NDArray[np.int32]) -> NDArray[np.int64]:
    """Hashed rows of every pair of words, word before a shape, and three shapes; never empty."""
    padded = np.empty(len(packed) + 2, dtype=np.uint32)
    padded[0], padded[1:-1], padded[-1] = BEGIN, packed, END
    words = padded & np.uint32((1 << SHAPE_BITS) - 1)
    shapes = padded >> np.uint32(SHAPE_BITS)
    first, second, third = _MULTIPLIERS
    hashes = (
        words[:-1] * first + words[1:] * second + np.uint32(_SALTS[0]),
        words[:-1] * first + shapes[1:] * second + np.uint32(_SALTS[1]),
        shapes[:-2] * first + shapes[1:-1] * second + shapes[2:] * third + np.uint32(_SALTS[2]),
    )
    mixed = np.concatenate(hashes)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    return (mixed >> np.uint32(32 - NGRAM_BITS)).astype(np.int64)
