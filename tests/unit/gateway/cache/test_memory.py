"""The embedded cache, case by case; its laws are in tests/property."""

from __future__ import annotations

from gateway.cache.memory import MemoryCache
from tests.unit.gateway.build import entry


async def test_an_entry_ends_exactly_with_its_time():
    """Served until then, and not at that moment any more."""
    now = [100.0]
    cache = MemoryCache(10, clock=lambda: now[0])
    cache.put("k", entry(), ttl_s=5)
    now[0] = 104.9
    assert await cache.get("k") == entry()
    now[0] = 105.0
    assert await cache.get("k") is None


async def test_the_least_recently_used_entry_goes_first():
    """Reading counts as use."""
    cache = MemoryCache(2)
    for key in ("a", "b"):
        cache.put(key, entry(), ttl_s=5)
    await cache.get("a")
    cache.put("c", entry(), ttl_s=5)
    assert [await cache.get(key) is not None for key in "abc"] == [True, False, True]
