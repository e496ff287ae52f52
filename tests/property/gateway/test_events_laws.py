"""Server-sent events mean the same however the network cuts them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.execute.events import EventSplitter, frame
from tests.property.gateway.strategies import law

_value = st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
_line = st.one_of(
    st.builds(lambda v: b"data: " + v, _value),
    st.builds(lambda v: b"data:" + v, _value),
    st.builds(lambda v: b": " + v, _value),
    st.builds(lambda v: b"event: " + v, _value),
    st.builds(lambda v: b"id:" + v, _value),
    st.just(b"data"),
    st.just(b""),
)
_ending = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines of every kind with every line ending; the last one may be cut short."""
    ending = draw(_ending)
    lines = draw(st.lists(_line, max_size=10))
    return b"".join(line + ending for line in lines)


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(bounds)]


def events(chunks: list[bytes]) -> list[bytes]:
    splitter = EventSplitter()
    found = [event for chunk in chunks for event in splitter.feed(chunk)]
    return found + splitter.finish()


def by_the_grammar(raw: bytes) -> list[bytes]:
    """The events that the specification's line by line reading gives, with the unfinished one at the end."""
    found: list[bytes] = []
    data: list[bytes] | None = None
    for line in [*raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""]:
        if not line:
            if data is not None:
                found.append(b"\n".join(data))
            data = None
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data = [*(data or []), value.removeprefix(b" ")]
    return found


@law
@given(streams(), st.lists(st.integers(0, 400), max_size=12))
def test_cuts_do_not_change_events(raw, places):
    """Any cutting into chunks, empty ones included, gives the events of the whole."""
    assert events(cut(raw, places)) == by_the_grammar(raw)


@law
@given(streams())
def test_byte_by_byte_is_the_hardest_cut(raw):
    """A CRLF, a name and a blank line may each arrive one byte at a time."""
    assert events([raw[i : i + 1] for i in range(len(raw))]) == by_the_grammar(raw)


@law
@given(st.lists(_value, max_size=6), st.lists(st.integers(0, 100), max_size=6))
def test_frames_are_split_into_what_was_framed(values, places):
    """`frame` and the splitter are inverse."""
    assert events(cut(b"".join(frame(value) for value in values), places)) == values


@law
@given(streams())
def test_a_missing_last_blank_line_loses_nothing(raw):
    """A server that closes right after its last event is understood."""
    assert events([raw.rstrip(b"\r\n")])[:1] == by_the_grammar(raw.rstrip(b"\r\n"))[:1]
    assert len(events([raw])) == len(events([raw.rstrip(b"\r\n")]))


def test_an_event_that_grows_without_end_is_refused():
    """Memory stays bounded when a server never sends the blank line."""
    splitter = EventSplitter(max_event_bytes=100)
    with pytest.raises(ValueError, match="too large"):
        for _ in range(100):
            splitter.feed(b"data: xxxx")
