"""The seam of the cache: what is kept, and how it is asked for."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One kept answer with what its headers and record need. `body` is a whole `chat.completion`.

    Encoded as an array, so a version comes first: entries of another version read as a miss.
    """

    version: int
    body: str
    target: str
    model: str
    rule: str
    task: str
    domain: str
    difficulty: float
    confidence: float | None
    prompt_tokens: int
    completion_tokens: int
    stored_at: float
    """Unix seconds."""


ENTRY_VERSION = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    return _encoder.encode(entry)


def decode(raw: bytes) -> Entry | None:
    """The entry, or None for anything else: junk in a shared store is a miss, never an error."""
    try:
        entry = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return entry if entry.version == ENTRY_VERSION else None


class CacheUnavailable(Exception):
    """The store did not answer in time; the request goes on without it."""


class Cache(Protocol):
    """Keeps entries by key. Implementations bound their own waiting."""

    async def get(self, key: str) -> Entry | None:
        """The entry, or None; raises `CacheUnavailable`."""
        ...

    def put(self, key: str, entry: Entry, ttl_s: float) -> None:
        """Keep an entry. Returns at once; a store that fails loses it silently and counts it."""
        ...

    async def close(self) -> None: ...
