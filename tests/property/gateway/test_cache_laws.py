"""What a cache may and may not do, for any sequence of uses."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.base import ENTRY_VERSION, decode, encode
from gateway.cache.eligibility import parse_cache_control
from gateway.cache.memory import MemoryCache
from tests.property.gateway.strategies import law, short, text
from tests.unit.gateway.build import entry

SIZE = len(encode(entry(body="")))
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 200), st.integers(0, 20)),
        st.tuples(st.just("get"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 15)),
    ),
    max_size=40,
)
_entries = st.builds(
    entry, body=text, target=short, model=short, confidence=st.one_of(st.none(), st.floats(0, 1)),
    difficulty=st.floats(0, 1), prompt_tokens=st.integers(0, 2**40),
)  # fmt: skip


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def use(steps, max_entries, max_bytes):
    """Run the steps against the cache and a plain model of it; yield what both say and hold."""
    clock = Clock()
    cache = MemoryCache(max_entries, max_bytes, clock)
    model: OrderedDict[str, tuple[float, int, str]] = OrderedDict()

    async def run() -> None:
        for step in steps:
            if step[0] == "wait":
                clock.now += step[1]
                continue
            key = f"k{step[1]}"
            if step[0] == "put":
                kept = entry(body=f"{key}" + "x" * step[2])
                cache.put(key, kept, step[3])
                size = len(encode(kept))
                if step[3] > 0 and size <= max_bytes:
                    model.pop(key, None)
                    model[key] = (clock.now + step[3], size, kept.body)
                    while len(model) > max_entries or sum(size for _, size, _ in model.values()) > max_bytes:
                        model.popitem(last=False)
            else:
                found = await cache.get(key)
                expected = model.get(key)
                if expected is not None and expected[0] <= clock.now:
                    del model[key]
                    expected = None
                if expected is not None:
                    model.move_to_end(key)
                assert (found.body if found else None) == (expected[2] if expected else None)

    asyncio.run(run())


@law
@given(_steps, st.integers(0, 4), st.integers(SIZE, 4 * SIZE + 200))
def test_memory_keeps_the_most_recently_used_within_its_bounds(steps, max_entries, max_bytes):
    """At any time the cache answers like a list of the latest uses that fits into entries and bytes and time."""
    use(steps, max_entries, max_bytes)


@law
@given(_entries)
def test_entries_survive_encoding(some):
    """An entry read back is the entry that was kept."""
    assert decode(encode(some)) == some


@law
@given(st.binary(max_size=200))
def test_junk_is_a_miss(raw):
    """Whatever lies in a shared store, reading it does not fail."""
    assert decode(raw) is None


@law
@given(_entries, st.integers(0, 300), st.binary(min_size=1, max_size=3))
def test_a_damaged_entry_never_fails(some, place, junk):
    """Overwritten or cut, an entry is another entry at worst, never an exception."""
    raw = encode(some)
    decode(raw[:place])
    decode(raw[:place] + junk + raw[place + len(junk) :])


def test_an_entry_of_another_version_is_a_miss():
    """After an upgrade old entries are not misread."""
    assert decode(encode(entry(version=ENTRY_VERSION + 1))) is None
    assert decode(msgspec.msgpack.encode([ENTRY_VERSION])) is None


@law
@given(st.one_of(st.none(), st.text(), st.lists(st.sampled_from(
    ["no-cache", "no-store", "max-age=0", "max-age=5", 'max-age="7"', "max-age=²", "max-age=-1", "x=,", ""]
)).map(",".join)))  # fmt: skip
def test_any_cache_control_is_understood_or_ignored(value):
    """A header never fails a request, and what may be stored may have been asked to be fresh, not the reverse."""
    read, store, max_age = parse_cache_control(value)
    assert max_age is None or max_age >= 0
    assert store or not read
