"""The shared cache, and a bell that rings on other hosts. A Redis that is down or slow costs a few milliseconds, once,
and never a request.

The only file that imports redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.cache.base import CacheUnavailable, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio.client import PubSub

    from gateway.cache.base import Entry

log = logging.getLogger("pointsman.cache")

_FAILURES_TO_OPEN = 3
_OPEN_S = 5.0
_EXACT, _STICKY = "pointsman:exact:", "pointsman:sticky:"


class RedisStore:
    """Bytes in Redis behind a time limit and a circuit breaker: slow is worse than dead."""

    def __init__(
        self, url: str, timeout_ms: float, prefix: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`prefix` begins every key."""
        self._timeout_s = timeout_ms / 1000
        self._redis = Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._prefix = prefix
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._writes: set[asyncio.Task[None]] = set()

    async def get(self, key: str) -> bytes | None:
        """What is kept; raises `CacheUnavailable`."""
        if self._clock() < self._open_until:
            raise CacheUnavailable("circuit open")
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._redis.get(self._prefix + key)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            raise CacheUnavailable(type(error).__name__) from error
        self._failures = 0
        return raw if isinstance(raw, bytes) else None

    def put(self, key: str, raw: bytes, ttl_s: float) -> None:
        """Keep bytes; returns at once, and what cannot be written is lost."""
        if ttl_s < 1 or self._clock() < self._open_until or len(self._writes) >= 256:
            return
        write = asyncio.get_running_loop().create_task(self._write(key, raw, int(ttl_s)))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Finish what is being written, briefly, then disconnect."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=1.0)
        await self._redis.aclose()

    async def _write(self, key: str, raw: bytes, ttl_s: int) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._redis.set(self._prefix + key, raw, ex=ttl_s)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            if self._open_until == 0.0 or self._clock() >= self._open_until:
                log.warning("redis is not answering (%s); going on without it", type(error).__name__)
            self._open_until = self._clock() + _OPEN_S


class RedisCache:
    """Entries of the exact cache in Redis."""

    def __init__(self, url: str, timeout_ms: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = RedisStore(url, timeout_ms, _EXACT, clock)

    async def get(self, key: str) -> Entry | None:
        raw = await self._store.get(key)
        return None if raw is None else decode(raw)

    def put(self, key: str, entry: Entry, ttl_s: float) -> None:
        self._store.put(key, encode(entry), ttl_s)

    async def close(self) -> None:
        await self._store.close()


def sticky_store(url: str, timeout_ms: float) -> RedisStore:
    """Where all gateways remember who answered whom."""
    return RedisStore(url, timeout_ms, _STICKY)


class RedisBell:
    """Rings on every host that listens to the same channel. A message may get lost; nobody relies on it alone."""

    def __init__(self, url: str, channel: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=1.0, health_check_interval=15)
        self._channel = f"pointsman:{channel}"
        self._heard: PubSub | None = None

    async def ring(self) -> None:
        """Ring; neither waits long nor raises."""
        try:
            async with asyncio.timeout(1.0):
                await self._redis.publish(self._channel, b"")
        except (RedisError, OSError, TimeoutError) as error:
            log.warning(
                "redis is not answering (%s); others will see it when they look", type(error).__name__
            )

    async def wait(self, longest_s: float) -> None:
        """Return when it rings, at the latest after `longest_s`; after a second while Redis is not answering."""
        try:
            if self._heard is None:
                self._heard = self._redis.pubsub()
                await self._heard.subscribe(self._channel)
            await self._heard.get_message(ignore_subscribe_messages=True, timeout=longest_s)
        except (RedisError, OSError, TimeoutError):
            await self._forget()
            await asyncio.sleep(min(1.0, longest_s))

    async def close(self) -> None:
        """Disconnect."""
        await self._forget()
        await self._redis.aclose()

    async def _forget(self) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await heard.aclose()  # type: ignore[no-untyped-call]  # untyped upstream
