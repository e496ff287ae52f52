"""The embedded cache: least recently used, bounded in entries and bytes, one process."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from gateway.cache.base import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cache.base import Entry


class MemoryCache:
    """Keeps encoded entries, so that their size is known and nothing kept can be changed from outside."""

    def __init__(
        self,
        max_entries: int,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._clock = clock

    async def get(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        expires, raw = found
        if expires <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return decode(raw)

    def put(self, key: str, entry: Entry, ttl_s: float) -> None:
        raw = encode(entry)
        if ttl_s <= 0 or len(raw) > self._max_bytes:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (self._clock() + ttl_s, raw)
        self._bytes += len(raw)
        while self._entries and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
            self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        _, raw = self._entries.pop(key)
        self._bytes -= len(raw)
