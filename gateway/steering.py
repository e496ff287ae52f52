"""What acts on running traffic without anybody asking: experiments that end, and the prices that keep `limits`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.experiments.monitor import Monitor
from gateway.pacing.keeper import Keeper
from gateway.records.ledger import Ledger
from gateway.records.pacing import PacingStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.live import PolicyHolder
    from gateway.pacing.pacer import Prices
    from gateway.records.store import Row
    from gateway.telemetry.metrics import Metrics
    from gateway.types import Outcome


_EVERY_S = 1.0
_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Steering:
    """Told of every finished request; tells `decide` which experiments are over and what money and time cost."""

    monitor: Monitor
    keeper: Keeper

    def note(self, outcome: Outcome) -> None:
        """Take in a finished request; neither waits nor raises."""
        self.monitor.note(outcome)
        self.keeper.note(outcome)

    def after(self, keep: Callable[[Row], None]) -> Callable[[Row], None]:
        """`keep`, which takes the row of a finished shadow, followed by taking it in here too."""

        def kept_and_noted(row: Row) -> None:
            keep(row)
            self.monitor.note_shadow(row)
            self.keeper.note_shadow(row["cost_usd"])

        return kept_and_noted

    async def start(self) -> None:
        """Learn what is over and what is charged before the first request: a stopped experiment stays stopped."""
        await self.monitor.safe_tick()
        await self.keeper.safe_tick()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch until the block ends; then write what is left. `start` comes first."""
        ended = asyncio.Event()
        tasks = [
            asyncio.create_task(_every_second(self.monitor.safe_tick, ended), name="experiments"),
            asyncio.create_task(_every_second(self.keeper.safe_tick, ended), name="limits"),
        ]
        try:
            yield
        finally:
            ended.set()  # a tick that is under way writes to the end; only a database that hangs is left alone
            _, hanging = await asyncio.wait(tasks, timeout=_PATIENCE_S)
            for task in hanging:
                task.cancel()
            if not hanging:
                await self.start()


async def _every_second(tick: Callable[[], Awaitable[None]], ended: asyncio.Event) -> None:
    while not ended.is_set():
        await tick()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EVERY_S):
                await ended.wait()


def steer(holder: PolicyHolder, engine: AsyncEngine, metrics: Metrics) -> Steering:
    """Steering of the policy that `holder` holds, by the database behind `engine`."""
    feedback = holder.feedback

    def end(ended: frozenset[str]) -> None:
        feedback.control = replace(feedback.control, ended=ended)
        metrics.experiments_ended.set(len(ended))

    def charge(prices: Prices, spent_usd: float | None) -> None:
        feedback.control = replace(feedback.control, shadow_usd=prices.usd, shadow_s=prices.s)
        metrics.shadow_price.labels("usd").set(prices.usd)
        metrics.shadow_price.labels("s").set(prices.s)
        if spent_usd is not None:
            metrics.limits_spent.set(spent_usd)

    monitor = Monitor(Ledger(engine), lambda: (holder.current.version, holder.current.policy), end)
    return Steering(monitor, Keeper(PacingStore(engine), lambda: holder.current.policy.limits, charge))
