"""Words, shapes and entities over them."""

from __future__ import annotations

import pytest

from routers.specialists.bio import (
    SHAPE_WIDTH,
    Span,
    shape_features,
    spans_of,
    spans_of_tokens,
    tag_words,
    tags_of,
)

TEXT = "Ada Lovelace met IBM in Paris"
OFFSETS = [(0, 3), (4, 12), (13, 16), (17, 20), (21, 23), (24, 29)]
SPANS = [Span(0, 12, "PER"), Span(17, 20, "ORG"), Span(24, 29, "LOC")]


def test_tags_and_spans_are_inverse() -> None:
    """Tagging words and reading the tags gives the entities back."""
    tags = tag_words(OFFSETS, SPANS)
    assert tags == ["B-PER", "I-PER", "O", "B-ORG", "O", "B-LOC"]
    assert [span for span, _ in spans_of(OFFSETS, tags)] == SPANS


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["I-PER", "I-PER", "O"], [(0, 12, "PER")]),
        (["B-PER", "I-LOC", "O"], [(0, 3, "PER"), (4, 12, "LOC")]),
        (["B-PER", "B-PER", "O"], [(0, 3, "PER"), (4, 12, "PER")]),
        (["O", "O", "B-PER"], [(13, 16, "PER")]),
    ],
)
def test_reads_irregular_tags_as_conlleval_does(tags: list[str], spans: list[tuple[int, int, str]]) -> None:
    """A stray inside tag begins an entity; one of another label ends the entity before it."""
    assert [span for span, _ in spans_of(OFFSETS[:3], tags)] == [Span(*span) for span in spans]


def test_joins_tokens() -> None:
    """Tokens become a text with blanks between them, and their tags spans of that text."""
    text, spans = spans_of_tokens(["Parkinson", "'", "s", "disease", "."], ["B-D", "I-D", "I-D", "I-D", "O"])
    assert text == "Parkinson ' s disease ."
    assert [text[span.start : span.end] for span in spans] == ["Parkinson ' s disease"]


def test_shapes_tell_capitals_and_digits() -> None:
    """Each word has its own shape in the middle, and its neighbours' around it."""
    shapes = shape_features("the Nile B2 USA iPod ,", [(0, 3), (4, 8), (9, 11), (12, 15), (16, 20), (21, 22)])
    assert shapes.shape == (6, SHAPE_WIDTH)
    assert shapes[:, 6:12].argmax(axis=1).tolist() == [0, 1, 4, 2, 3, 5]
    assert shapes[0, :6].sum() == 0
    assert shapes[1, :6].argmax() == 0


def test_names_tags_in_a_fixed_order() -> None:
    """The rows of a head: outside first, then begin and inside of each label."""
    assert tags_of(("LOC", "PER")) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
