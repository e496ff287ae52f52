"""The finder of personal spans: its arithmetic, and the shipped one through its public door."""

from __future__ import annotations

import itertools
import shutil
import time

import numpy as np
import pytest

from routers.artifact import ArtifactError
from routers.classifier import RequestClassifier
from routers.identifiers import find_identifiers, locate_identifiers
from routers.spans import KINDS, LABELS, SHIPPED, Span, SpanFinder, decode, redacted, split, whole_words


@pytest.fixture(scope="module")
def finder() -> SpanFinder:
    return SpanFinder.load()


def found(finder: SpanFinder, text: str) -> list[tuple[str, str]]:
    """Text and kind of every span."""
    return [(text[s.start : s.end], s.kind) for s in finder(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Elena Novak.", [("Elena Novak", "name")]),
        ("Please call Tomasz Wieczorek on 0113 496 0958.", [("Tomasz Wieczorek", "name"), ("0113 496 0958", "phone")]),
        ("I was born on 12 May 1984.", [("12 May 1984", "birth date")]),
        ("The meeting is on 12 May 2031.", []),
        ("What is the capital of France?", []),
        ("Write a python function that merges two sorted lists", []),
        ("", []),
        (" \n\t ", []),
    ],
)  # fmt: skip
def test_personal_parts_are_named_with_their_places(finder, text, expected) -> None:
    """Names, numbers and dates of birth are found; a date alone and ordinary requests are not."""
    assert found(finder, text) == expected


def test_an_address_is_found(finder) -> None:
    """Most of a postal address is one or two spans of that kind."""
    text = "Ship the parcel to 12 Mill Lane, Leeds, LS1 4AB as soon as you can."
    covered = sum(s.end - s.start for s in finder(text) if s.kind == "address")
    assert covered >= len("12 Mill Lane")


def test_identifiers_go_before_what_was_learned(finder) -> None:
    """A card number is a card, whatever the network thinks of its digits; spans never overlap."""
    text = "Card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00, mail jane.doe+x@example.org"
    spans = finder(text)
    assert found(finder, text)[:2] == [
        ("4111 1111 1111 1111", "card"),
        ("DE89 3704 0044 0532 0130 00", "iban"),
    ]
    assert ("jane.doe+x@example.org", "email") in found(finder, text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


def test_the_classifier_gives_the_same_spans(finder) -> None:
    """`RequestClassifier.spans` is the shipped finder."""
    text = "My name is Elena Novak."
    assert RequestClassifier.load().spans(text) == finder(text)
    assert redacted(text, finder(text)) == "My name is [name]."


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "1 " * 50_000, "@" * 100_000, "Anna " * 20_000, "Ann a@b.io " * 8_000, "\ud800 \x00 é😀"],
)
def test_any_text_is_read_in_linear_time(finder, text) -> None:
    """Huge and odd texts end, with places inside the text and probabilities for confidences."""
    start = time.thread_time()
    spans = finder(text)
    assert time.thread_time() - start < 10
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert 0 <= span.confidence <= 1


def test_a_long_text_is_read_as_a_short_one_in_pieces(finder) -> None:
    """What is found in the middle of a long text is what would be found there in a short one."""
    sentence = "My name is Elena Novak and I would like to order more tea. "
    spans = finder(sentence * 300)
    assert len(spans) == pytest.approx(300, abs=3)
    assert all((s.start - 11) % len(sentence) == 0 for s in spans[:50])


def test_words_keep_their_places_and_what_stands_before_them() -> None:
    """Letters, digits and marks are parts of their own."""
    words = split("Dr. O'Neil,\n12b Elm")
    assert words.texts == ["Dr", ".", "O", "'", "Neil", ",", "12", "b", "Elm"]
    assert words.places[0].tolist() == [0, 2]
    assert words.gaps.tolist() == [0, 0, 1, 0, 0, 0, 2, 0, 1]


def test_a_run_breaks_where_a_span_begins_or_the_label_changes() -> None:
    """Two names side by side are two spans when the second begins one."""
    places = np.array([[0, 2], [3, 5], [6, 8], [9, 11]])
    probabilities = np.full((4, len(LABELS)), 0.01, dtype=np.float32)
    name, address = LABELS.index("name"), LABELS.index("address")
    for row, label in enumerate((name, name, name, address)):
        probabilities[row, label] = 0.9
    begins = np.array([1, -1, 1, -1], dtype=np.float32)
    spans = list(decode(places, probabilities, begins))
    assert [(s.start, s.end, s.kind) for s in spans] == [(0, 5, "name"), (6, 8, "name"), (9, 11, "address")]
    assert spans[0].confidence == pytest.approx(0.9)
    assert list(decode(places[:0], probabilities[:0], begins[:0])) == []


def test_a_birth_date_goes_on_to_the_end_of_the_date() -> None:
    """Parts that look like any date, and a mark between them, belong to the birth that stands before them."""
    places = np.array([[0, 2], [2, 3], [3, 4], [4, 5], [5, 7], [8, 9], [10, 14]])
    probabilities = np.full((7, len(LABELS)), 0.01, dtype=np.float32)
    birth, date, outside = (LABELS.index(label) for label in ("birth date", "date", "outside"))
    for row, label in enumerate((birth, outside, date, date, date, outside, outside)):
        probabilities[row, label] = 0.9
    spans = list(decode(places, probabilities, np.full(7, -1, dtype=np.float32)))
    assert [(s.start, s.end, s.kind) for s in spans] == [(0, 7, "birth date")]


@pytest.mark.parametrize(
    "text",
    [
        "pay DE89 3704 0044 0532 0130 00 OR ELSE",
        "card 4111 1111 1111 1111 tel (212) 555-0182",
        "from 10.1.2.3 and jane@example.org",
        "nothing to see at 12:30, 555",
    ],
)
def test_located_identifiers_are_those_that_are_counted(text) -> None:
    """The places agree with the counts that the classifier reads."""
    places = list(locate_identifiers(text))
    assert len(places) == sum(find_identifiers(text))
    assert "OR ELSE" not in [text[start:end] for start, end, *_ in places]


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("at 12 Mill Lane, LS1 4AB.", (3, 16), "12 Mill Lane"),
        ("at 12 Mill Lane, LS1 4AB.", (17, 22), "LS1 4AB"),
        ("x (0113) 496.", (2, 13), "(0113) 496"),
        ("a --- b", (2, 5), ""),
        ("unknown", (2, 4), "unknown"),
    ],
)
def test_a_span_covers_whole_words_and_no_marks_at_its_ends(text, place, expected) -> None:
    """Nothing of a word is left over when its span is taken out."""
    start, end = whole_words(text, *place)
    assert text[start:end] == expected


def test_redaction_replaces_each_span_by_its_kind() -> None:
    """Spans may come in any order."""
    spans = [Span(6, 9, "name", 0.9), Span(0, 2, "phone", 0.9)]
    assert redacted("12 is Ann", spans) == "[phone] is [name]"


def test_a_folder_that_is_no_finder_says_so(tmp_path) -> None:
    """A missing file is named, another set of labels is refused."""
    with pytest.raises(ArtifactError, match=r"config\.json is missing"):
        SpanFinder.load(tmp_path)
    shutil.copytree(SHIPPED, tmp_path / "copy")
    config = tmp_path / "copy" / "config.json"
    config.write_text(config.read_text().replace('"address"', '"abode"'))
    with pytest.raises(ArtifactError, match="train it again"):
        SpanFinder.load(tmp_path / "copy")
    assert "name" in KINDS
