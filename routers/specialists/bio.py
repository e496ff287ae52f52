"""Words of a text, their shapes, and entities as begin-inside-outside tags over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

SHAPES = 6
"""lower-case, Capitalised, UPPER, miXed, with a digit, no letter or digit."""
SHAPE_WIDTH = 3 * SHAPES
"""Shape of the word before, of the word and of the word after, one-hot: the encoder reads lower case only."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text are an entity of this label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class WordPieces:
    """A tokenised text: the pieces, and for each word its first piece and its place in the text."""

    ids: list[int]
    first: list[int]
    """Position in `ids` of the first piece of each word."""
    offsets: list[tuple[int, int]]
    """Characters of each word in the text."""


def split_words(text: str, tokenizer: Tokenizer, *, limit: int) -> WordPieces:
    """Tokenise a text and keep its first `limit` pieces; the last piece kept is the closing mark.

    A word is what the tokenizer does not separate: runs without blanks and punctuation.
    """
    encoding = tokenizer.encode(text)
    ids, words, places = encoding.ids, encoding.word_ids, encoding.offsets
    if len(ids) > limit:
        ids = [*ids[: limit - 1], ids[-1]]
        words, places = words[: limit - 1], places[: limit - 1]
    first: list[int] = []
    offsets: list[tuple[int, int]] = []
    before: int | None = None
    for position, word in enumerate(words):
        if word is None:
            continue
        start, end = places[position]
        if word == before:
            offsets[-1] = (offsets[-1][0], end)
        else:
            first.append(position)
            offsets.append((start, end))
        before = word
    return WordPieces(list(ids), first, offsets)


def shape_features(text: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Return one-hot shapes of each word and its two neighbours, shape (words, SHAPE_WIDTH)."""
    shapes = [_shape(text[start:end]) for start, end in offsets]
    found = np.zeros((len(shapes), SHAPE_WIDTH), dtype=np.float32)
    for row in range(len(shapes)):
        for slot, neighbour in enumerate((row - 1, row, row + 1)):
            if 0 <= neighbour < len(shapes):
                found[row, slot * SHAPES + shapes[neighbour]] = 1
    return found


def _shape(word: str) -> int:
    if any(character.isdigit() for character in word):
        return 4
    letters = [character for character in word if character.isalpha()]
    if not letters:
        return 5
    if all(letter.islower() for letter in letters):
        return 0
    if letters[0].isupper() and all(letter.islower() for letter in letters[1:]):
        return 1
    return 2 if all(letter.isupper() for letter in letters) else 3


def tags_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the tags of entity labels, in the order of the head's rows: `O`, then `B-` and `I-` of each."""
    return ("O", *(f"{part}-{label}" for label in labels for part in "BI"))


def tag_words(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[str]:
    """Return the tag of each word: the first word that a span touches is `B-`, the further ones `I-`."""
    tags = ["O"] * len(offsets)
    for span in spans:
        inside = [i for i, (start, end) in enumerate(offsets) if start < span.end and end > span.start]
        for position, word in enumerate(inside):
            tags[word] = f"{'I' if position else 'B'}-{span.label}"
    return tags


def spans_of(offsets: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[tuple[Span, range]]:
    """Return the entities of tagged words, each with its words; a stray `I-` begins one, as in conlleval."""
    found: list[tuple[Span, range]] = []
    start: int | None = None
    for word in range(len(tags) + 1):
        tag = tags[word] if word < len(tags) else "O"
        if start is not None and tag != f"I-{tags[start][2:]}":
            found.append((Span(offsets[start][0], offsets[word - 1][1], tags[start][2:]), range(start, word)))
            start = None
        if start is None and tag != "O":
            start = word
    return found


def spans_of_tokens(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Span]]:
    """Join tokens by blanks and return the text with the entities that their BIO tags mark."""
    offsets: list[tuple[int, int]] = []
    at = 0
    for token in tokens:
        offsets.append((at, at + len(token)))
        at += len(token) + 1
    return " ".join(tokens), [span for span, _ in spans_of(offsets, tags)]
