"""Reading YAML: only the plain part, in bounded time, with the place of everything."""

from __future__ import annotations

import time

import pytest

from policies.document import MAX_BYTES, UnreadableError, read_document


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("", (1, 1), "the file is empty"),
        ("# only a comment\n", (1, 1), "the file is empty"),
        ("a: &x [1]\nb: *x", (1, 4), "anchors and aliases are not allowed: `&x`"),
        ("a: &x\n  b: *x", (1, 4), "anchors and aliases are not allowed: `&x`"),
        ("a: *x", (1, 4), "anchors and aliases are not allowed: `*x`"),
        (
            "a: !!python/name:os.system x",
            (1, 4),
            "tags are not allowed: `tag:yaml.org,2002:python/name:os.system`",
        ),
        ("a: 1\nb: 2\na: 3", (3, 1), "duplicate key `a`, first on line 1"),
        ("a:\n\tb: 1", (2, 1), "indented with a tab; use spaces"),
        ("a: 1\n---\nb: 2", (2, 1), "more than one yaml document in the file"),
        ('a: "\\ud800"', (1, 4), "half of a surrogate pair is no text: `\\ud800`"),
        ("[a]: 1", (1, 1), "a key must be plain text"),
        (b"a: 1\nb: \xff", (2, 4), "not utf-8: byte `0xff`"),
        ("a: " + "[" * 40, (1, 35), "nested more than 32 levels deep"),
        ("a: " + "9" * 5000, (1, 4), "not a number we read: `" + "9" * 57 + "...`"),
    ],
)
def test_refused_documents(content, place, message):
    """Each construct that is not allowed is named, with its line and column."""
    with pytest.raises(UnreadableError) as refused:
        read_document(content)
    assert (refused.value.place, refused.value.message) == (place, message)


def test_broken_yaml_is_located():
    """A syntax error says where it was noticed."""
    with pytest.raises(UnreadableError, match="not readable as yaml") as refused:
        read_document("a: [1, 2\nb: 3\n")
    assert refused.value.place[0] == 2


def test_large_files_are_refused_unread():
    """A file above the limit is refused at once."""
    start = time.perf_counter()
    with pytest.raises(UnreadableError, match="at most 1000000 are read"):
        read_document(b"a" * (MAX_BYTES * 10))
    assert time.perf_counter() - start < 0.5


def test_number_of_values_is_bounded():
    """A flood of tiny values is cut off."""
    with pytest.raises(UnreadableError, match="more than 20000 values"):
        read_document("[" + "1," * 25_000 + "]")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("22:00", "22:00"),
        ("~", None),
        ("2024-01-01", "2024-01-01"),
        ("'3'", "3"),
        ('"true"', "true"),
    ],
)
def test_scalars_are_yaml_1_2(text, value):
    """Plain values have the types of YAML 1.2, quoted ones are text, dates and times stay text."""
    data = read_document(f"a: {text}").data
    assert data == {"a": value}
    assert isinstance(data, dict)
    assert type(data["a"]) is type(value)


def test_places():
    """Keys, values and entries are found where they stand; what is absent is found at its parent."""
    document = read_document("a:\n  - b: 1\n    cc:  2\n")
    assert document.place(("a", 0, "cc"), key=True) == (3, 5)
    assert document.place(("a", 0, "cc")) == (3, 10)
    assert document.place(("a", 0, "missing")) == (2, 5)
    assert document.place(("zzz", 3)) == (1, 1)


def test_byte_order_mark_is_read():
    """A file saved by an editor that writes a byte order mark is still UTF-8."""
    assert read_document(b"\xef\xbb\xbfa: 1").data == {"a": 1}
