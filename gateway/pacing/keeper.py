"""Keeps the prices of `limits` in force in this process, together with all other gateway processes.

Each process counts what its requests took and adds it to one row of the database every second; whoever finds that the
last step is five seconds old makes the next one. So prices are at most about six seconds old, and a process that
cannot reach the database goes on with those it had.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from gateway.experiments.trials import cost_usd
from gateway.pacing.forecast import BIN_S, DAY_S, Forecast
from gateway.pacing.pacer import Pacing, Prices, Taken, step
from gateway.records.pacing import PacingUnusable, Shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.records.pacing import PacingStore
    from gateway.types import Outcome
    from policies.model import Limits

log = logging.getLogger("pointsman.limits")

STEP_S = 5.0
_STALE_S = 60.0  # nobody counted for longer: read anew from the records what the day took


class Keeper:
    """Counts what requests take and says what they are charged."""

    def __init__(
        self,
        store: PacingStore,
        limits: Callable[[], Limits | None],
        charge: Callable[[Prices, float | None], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`limits` are those of the policy in force; `charge` gets the prices, and the USD spent today if it counts."""
        self._store = store
        self._limits = limits
        self._charge = charge
        self._clock = clock
        self._requests, self._usd, self._slow = 0, 0.0, 0
        self._reachable = True

    def note(self, outcome: Outcome) -> None:
        """Count a finished request that was routed; an answer from the cache takes nothing."""
        limits = self._limits()
        if limits is None or outcome.cache == "hit":
            return
        self._requests += 1
        self._usd += cost_usd(outcome) or 0.0
        if limits.latency_p95_ms is not None and outcome.first_byte_ms > limits.latency_p95_ms:
            self._slow += 1

    def note_shadow(self, cost_usd: float | None) -> None:
        """Count what a shadow cost: no request of its own, but money."""
        if self._limits() is not None:
            self._usd += cost_usd or 0.0

    async def safe_tick(self) -> None:
        """One tick. A database that cannot be reached is said once; the prices stay as they are."""
        try:
            await self.tick()
        except PacingUnusable as error:
            if self._reachable:
                log.error("limits cannot be kept up to date: %s; the prices stay as they are", error)
            self._reachable = False
        else:
            self._reachable = True

    async def tick(self) -> None:
        """Add what was counted, step if it is time, and put the prices in force. Raises `PacingUnusable`."""
        limits = self._limits()
        if limits is None:
            self._charge(Prices(), None)
            return
        taken = (self._requests, self._usd, self._slow)
        shared = None if any(taken) else await self._store.read()
        if shared is None:  # something to add, or no row yet
            shared = await self._store.add(*taken)
        self._requests -= taken[0]
        self._usd -= taken[1]
        self._slow -= taken[2]
        if self._clock() - shared.stepped_at >= STEP_S:
            shared = await self._step(shared, limits)
        state = _state(shared)
        spent = state.spent_usd if limits.usd_per_day is not None else None
        self._charge(Prices(shared.shadow_usd, shared.shadow_s), spent)

    async def _step(self, shared: Shared, limits: Limits) -> Shared:
        now = self._clock()
        if now - shared.stepped_at > _STALE_S:
            state, taken = await self._from_records(_state(shared), now), Taken()
        else:
            state, taken = _state(shared), Taken(shared.requests, shared.usd, shared.slow)
        state, prices = step(
            state, taken, now, usd_per_day=limits.usd_per_day, latency_p95_ms=limits.latency_p95_ms
        )
        after = Shared(0, 0.0, 0, now, msgspec.to_builtins(state), prices.usd, prices.s)
        return after if await self._store.step(shared, after) else await self._store.add(0, 0.0, 0)

    async def _from_records(self, remembered: Pacing, now: float) -> Pacing:
        """What today has taken, and the shape of yesterday, by the records; price levels are those remembered."""
        today = now - now % DAY_S
        forecast, spent = Forecast(), 0.0
        for start, requests, usd in await self._store.traffic(today - DAY_S, BIN_S):
            forecast = forecast.with_requests(requests, start)
            spent += usd if start >= today else 0.0
        return Pacing(now, spent, forecast, remembered.money, remembered.time)


def _state(shared: Shared) -> Pacing:
    """What the row remembers; nothing if it has none yet, or one that this release does not understand."""
    try:
        return msgspec.convert(shared.state, Pacing, strict=False)
    except msgspec.ValidationError:
        return Pacing()
