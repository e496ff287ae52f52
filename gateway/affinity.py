"""Remembers which target answered a session, so that a sticky plan can stay with it.

In this process, and in Redis where that is set, so that every gateway knows. What is lost is a preference: the next
request is routed as the first one was.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.cache.base import CacheUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.cache.redis import RedisStore
    from gateway.settings import Settings
    from gateway.types import Call
    from policies.decision import Sticky

_UNITS: Final = 20_000
Kept = dict[str, tuple[str, float]]
"""`Sticky.name` -> the target, and until when (Unix seconds) it holds."""
_decode: Final = msgspec.json.Decoder(Kept).decode


class Affinity:
    """Who answered whom. Bounded: of more sessions than 20,000 in one process the ones idle longest are forgotten."""

    def __init__(self, shared: RedisStore | None = None, clock: Callable[[], float] = time.time) -> None:
        """`shared` is asked first; while it does not answer, what this process saw itself has to do."""
        self._shared = shared
        self._clock = clock
        self._own: OrderedDict[str, Kept] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> Affinity:
        """That of a gateway process."""
        if settings.redis_url is None:
            return cls()
        from gateway.cache.redis import sticky_store

        return cls(sticky_store(settings.redis_url.get_secret_value(), settings.redis_timeout_ms))

    async def settled(self, call: Call, ways: Iterable[str]) -> Mapping[str, str]:
        """`Sticky.name` -> target, for each of the `ways` (session, key, tenant) in which plans of the policy stay."""
        now, found = self._clock(), {}
        for by in ways:
            if (unit := unit_of(call, by)) is None:
                continue
            for name, (target, until) in (await self._read(unit)).items():
                if until > now:
                    found[name] = target
        return found

    def keep(self, call: Call, sticky: Sticky | None, target: str) -> None:
        """Remember that `target` has answered under a plan that stays so; returns at once and never raises."""
        if sticky is None or (unit := unit_of(call, sticky.by)) is None:
            return
        now = self._clock()
        kept = {name: value for name, value in self._own.get(unit, {}).items() if value[1] > now}
        kept[sticky.name] = (target, now + sticky.for_s)
        self._take(unit, kept)
        if self._shared is not None:
            longest = max(until for _, until in kept.values()) - now
            self._shared.put(unit, msgspec.json.encode(kept), longest)

    async def close(self) -> None:
        """Finish what is being written, briefly."""
        if self._shared is not None:
            await self._shared.close()

    async def _read(self, unit: str) -> Kept:
        if self._shared is not None:
            try:
                raw = await self._shared.get(unit)
                if raw is not None:
                    self._take(unit, _decode(raw))
            except (CacheUnavailable, msgspec.DecodeError):
                pass  # what this process saw itself is the next best
        return self._own.get(unit, {})

    def _take(self, unit: str, kept: Kept) -> None:
        self._own[unit] = kept
        self._own.move_to_end(unit)
        if len(self._own) > _UNITS:
            self._own.popitem(last=False)


def unit_of(call: Call, by: str) -> str | None:
    """A digest of the session, key or tenant of a call; None where it has none. Names of sessions are kept nowhere."""
    tenant = call.caller.tenant
    session = call.metadata.get("session_id") or call.headers.get("x-session-id", "")
    value = {"session": session, "key": call.caller.key, "tenant": tenant}[by]
    if not value:
        return None
    text = "\x00".join((by, tenant, value)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
