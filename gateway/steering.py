"""What acts on running traffic without anybody asking: experiments that end, and the prices that keep `limits`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.experiments.monitor import Monitor
from gateway.experiments.trials import cost_usd
from gateway.pacing.keeper import Keeper
from gateway.records.ledger import Ledger
from gateway.records.pacing import PacingStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.live import PolicyHolder
    from gateway.pacing.pacer import Prices
    from gateway.telemetry.metrics import Metrics
    from gateway.types import Outcome


@dataclass(frozen=True, slots=True)
class Steering:
    """Told of every finished request; tells `decide` which experiments are over and what money and time cost."""

    monitor: Monitor
    keeper: Keeper

    def note(self, outcome: Outcome) -> None:
        """Take in a finished request; neither waits nor raises."""
        self.monitor.note(outcome)
        self.keeper.note(outcome, cost_usd(outcome))

    async def start(self) -> None:
        """Learn what is over and what is charged before the first request: a stopped experiment stays stopped."""
        await self.monitor.safe_tick()
        await self.keeper.safe_tick()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch until the block ends; then write what is left. `start` comes first."""
        tasks = [
            asyncio.create_task(self.monitor.run(), name="experiments"),
            asyncio.create_task(self.keeper.run(), name="limits"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.start()


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
