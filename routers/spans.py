"""Finds names, addresses, telephone numbers and dates of people in a text, with their places.

Each word is read with its neighbours by two small convolutions over static embeddings, spelling and shape; identifiers
that have a form or a checksum come from `routers.identifiers`. Linear in the length of the text; only run when asked.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
from safetensors.numpy import load_file
from tokenizers.models import WordPiece

from routers.artifact import ArtifactError
from routers.encoder import QuantisedRows
from routers.heads import Dense, relu, softmax
from routers.identifiers import locate_identifiers
from routers.tokenizer import fold, word_shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FORMAT: Final = 1
SHIPPED: Final = Path(__file__).parent / "weights" / "pii_spans"
KINDS: Final = ("name", "address", "phone", "birth date", "id number")
"""Learned kinds that are personal: what `spans` gives."""
RIVALS: Final = ("place", "organisation", "date", "age")
"""Kinds that are learned only so as not to be taken for one of `KINDS`."""
LABELS: Final = ("outside", *KINDS, *RIVALS)
REACH: Final = 2
"""Neighbours on each side that a convolution reads."""
SHAPES: Final = 16
GAPS: Final = 3
AFFIX_BITS: Final = 12
SUBWORDS: Final = 12
"""Width of the learned vectors of affixes."""
_PARTS: Final = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")
_DATED: Final = 0.4
_CHUNK: Final = 2_000
"""Words that are read at once: bounds the memory that a long text takes."""
_MEMO_SIZE: Final = 30_000
_LONGEST: Final = 40
_UNKNOWN: Final = "[UNK]"


class Span(NamedTuple):
    """Characters `start` to `end` of a text, end not included."""

    start: int
    end: int
    kind: str
    confidence: float


class Words(NamedTuple):
    """A text as the network reads it: its parts, where they lie, and what stands before each."""

    texts: list[str]
    places: NDArray[np.int64]
    """Start and end of each part, shape (parts, 2)."""
    gaps: NDArray[np.int64]
    """0 where a part touches the one before, 1 after white space, 2 after a new line."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned."""

    words: QuantisedRows
    affixes: Floats
    """Shape (2 ** AFFIX_BITS, SUBWORDS)."""
    first: Dense
    second: Dense
    """Convolutions, weights of shape (outputs, (2 * REACH + 1) * inputs)."""
    labels: Dense
    """To a label and, last, the logit that a part begins a span."""
    temperature: float
    vocabulary: tuple[str, ...]
    version: str


class SpanFinder:
    """Names the personal parts of a text. Safe to share between threads: every race ends in the same value."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._pieces = WordPiece(
            {piece: n for n, piece in enumerate(weights.vocabulary)},
            unk_token=_UNKNOWN,
            max_input_chars_per_word=_LONGEST,
        )
        self._memo: dict[str, bytes] = {}

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> Self:
        """Read an artifact folder, the shipped one by default. Raises ArtifactError when it cannot be read."""
        return cls(load(folder))

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that name the artifact."""
        return self._weights.version

    def __call__(self, text: str) -> tuple[Span, ...]:
        """Personal spans by their start, none within another; identifiers go before what was learned."""
        found = [Span(start, end, kind, floor) for start, end, kind, floor in locate_identifiers(text)]
        taken = bytearray(len(text))
        for span in found:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
        for span in self.learned(text):
            if span.kind not in KINDS or 1 in taken[span.start : span.end]:
                continue
            start, end = whole_words(text, span.start, span.end)
            if start < end and 1 not in taken[start:end]:
                taken[start:end] = b"\1" * (end - start)
                found.append(span._replace(start=start, end=end))
        return tuple(sorted(found))

    def learned(self, text: str) -> list[Span]:
        """Every learned span, rivals included, without the identifiers."""
        words = split(text)
        spans: list[Span] = []
        for start in range(0, len(words.texts), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            probabilities, begins = self.probabilities(words, chunk)
            spans += decode(words.places[chunk], probabilities, begins)
        return spans

    def probabilities(self, words: Words, chunk: slice = slice(None)) -> tuple[Floats, Floats]:
        """Probability of each of `LABELS` for each part, shape (parts, labels), and that it begins a span."""
        weights = self._weights
        hidden = convolved(weights.first, self._inputs(words, chunk))
        raw = convolved(weights.second, hidden) @ weights.labels.weight.T + weights.labels.bias
        return softmax(raw[:, :-1] / np.float32(weights.temperature)), raw[:, -1]

    def _inputs(self, words: Words, chunk: slice) -> Floats:
        texts, gaps = words.texts[chunk], words.gaps[chunk]
        memo = self._memo
        known = b"".join([memo.get(text) or self._remember(text) for text in texts])
        static = np.frombuffer(known, dtype=np.float32).reshape(len(texts), -1)
        return np.hstack([static, np.eye(GAPS, dtype=np.float32)[gaps]])

    def _remember(self, text: str) -> bytes:
        ids = piece_ids(self._pieces, text)
        vector = self._weights.words.mean(ids)
        affixes = self._weights.affixes.take(affix_ids(text), axis=0).sum(axis=0)
        shape = np.eye(SHAPES, dtype=np.float32)[word_shape(text)]
        row = np.concatenate([vector, affixes, shape]).astype(np.float32).tobytes()
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        if len(text) <= _LONGEST:
            self._memo[text] = row
        return row


def split(text: str) -> Words:
    """The runs of letters or of digits, and the single marks, of a text."""
    texts, places, gaps, end = [], [], [], 0
    for part in _PARTS.finditer(text):
        start = part.start()
        between = text[end:start]
        texts.append(part[0])
        places.append((start, part.end()))
        gaps.append(0 if not between else 2 if "\n" in between else 1)
        end = part.end()
    return Words(texts, np.array(places, dtype=np.int64).reshape(-1, 2), np.array(gaps, dtype=np.int64))


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The place without marks at its ends, and with the whole of the words that it cuts; empty for marks alone."""
    while start < end and not text[end - 1].isalnum():
        end -= 1
    while start < end and not text[start].isalnum() and text[start] not in "(+":
        start += 1
    if start < end:
        while end < len(text) and text[end].isalnum():
            end += 1
        while start and text[start].isalnum() and text[start - 1].isalnum():
            start -= 1
    return start, end


def piece_ids(pieces: WordPiece, text: str) -> NDArray[np.int64]:
    """Vocabulary rows of one part; never empty."""
    plain = fold(text[: 4 * _LONGEST]).encode("utf-8", "replace").decode()  # a lone surrogate is no text
    return np.array([token.id for token in pieces.tokenize(plain)] or [1])


def affix_ids(text: str) -> NDArray[np.int64]:
    """Hashed rows of a part's first two and three and last two, three and four letters, digits all alike."""
    plain = re.sub(r"\d", "0", text.lower()[:_LONGEST])
    affixes = (f"<{plain[:2]}", f"<{plain[:3]}", f"{plain[-2:]}>", f"{plain[-3:]}>", f"{plain[-4:]}>")
    return np.array([_hash(affix) for affix in affixes])


def _hash(text: str) -> int:
    """FNV-1a over the bytes, folded to `AFFIX_BITS`; `hash` differs between processes."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "replace"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (value ^ (value >> AFFIX_BITS)) & ((1 << AFFIX_BITS) - 1)


def convolved(layer: Dense, x: Floats) -> Floats:
    """A convolution over neighbours, and ReLU; shape (parts, outputs). Beyond the ends there are zeros."""
    padded = np.zeros((len(x) + 2 * REACH, x.shape[1]), dtype=np.float32)
    padded[REACH : len(padded) - REACH] = x
    windows = np.hstack([padded[k : k + len(x)] for k in range(2 * REACH + 1)])
    return relu(windows @ layer.weight.T + layer.bias)


def decode(places: NDArray[np.int64], probabilities: Floats, begins: Floats) -> Iterator[Span]:
    """Runs of parts with the same most likely label; a run of names breaks at a word that begins another."""
    best = whole_dates(places, probabilities)
    apart = (best[1:] == LABELS.index("name")) & (begins[1:] >= 0) & (places[1:, 0] > places[:-1, 1])
    breaks = np.flatnonzero((best[1:] != best[:-1]) | apart) + 1
    for first, end in itertools.pairwise([0, *breaks.tolist(), len(best)]):
        if first < end and (label := int(best[first])):
            confidence = float(probabilities[first:end, label].mean())
            yield Span(int(places[first, 0]), int(places[end - 1, 1]), LABELS[label], confidence)


def whole_dates(places: NDArray[np.int64], probabilities: Floats) -> NDArray[np.intp]:
    """The most likely labels, shape (parts,), a date that begins as one of birth being one to its end.

    Its last parts lie too far from the words that tell a birth for the network to see them.
    """
    best = np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
    birth, date = LABELS.index("birth date"), LABELS.index("date")
    is_dated = probabilities[:, birth] + probabilities[:, date] >= _DATED
    end = 0
    for start in np.flatnonzero(best == birth).tolist():
        end = max(end, start + 1)
        while end < len(best):
            is_mark = places[end, 1] - places[end, 0] == 1 and is_dated[end + 1 : end + 2].any()
            if not (is_dated[end] or is_mark):
                break
            best[end] = birth
            end += 1
    return best


def load(folder: Path) -> Weights:
    """Read an artifact. Raises ArtifactError when files are missing, altered or of another format."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        vocabulary = tuple((folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines())
        tensors = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise ArtifactError(f"no span finder in {folder}: {error.filename} is missing") from error
    if config["format"] != FORMAT or tuple(config["labels"]) != LABELS:
        raise ArtifactError(f"{folder} is of another format than this version reads: train it again")
    return Weights(
        words=QuantisedRows(tensors["words.rows"], tensors["words.scales"]),
        affixes=tensors["affixes"].astype(np.float32),
        first=_dense(tensors, "first"),
        second=_dense(tensors, "second"),
        labels=_dense(tensors, "labels"),
        temperature=config["temperature"],
        vocabulary=vocabulary,
        version=config["version"],
    )


def _dense(tensors: Mapping[str, NDArray[np.floating]], name: str) -> Dense:
    return Dense(tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"].astype(np.float32))


@functools.cache
def shipped() -> SpanFinder:
    """The shipped span finder, read when first asked for."""
    return SpanFinder.load()


def redacted(text: str, spans: Sequence[Span]) -> str:
    """The text with each span replaced by its kind in square brackets. Spans do not overlap, as `SpanFinder` gives."""
    for span in sorted(spans, reverse=True):
        text = f"{text[: span.start]}[{span.kind}]{text[span.end :]}"
    return text
