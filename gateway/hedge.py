"""Hedging: start the next step too when the first one is slow, take whichever answers first, cancel the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.attempt import Failed, Opened
from gateway.execute.failures import may_climb

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.types import Attempt

_MAX_RULES = 1024


@dataclass(slots=True)
class _Spent:
    """USD of one rule's requests, and what hedging added to it."""

    base: float = 0.0
    added: float = 0.0


@dataclass(slots=True)
class HedgeBudget:
    """What hedging has cost in this process, by rule, against what the requests cost without it."""

    _rules: dict[str, _Spent] = field(default_factory=dict)

    def allows(self, rule: str, share: float, expected_usd: float | None) -> bool:
        """Whether a hedge expected to cost so much keeps what is added within `share` of the rest.

        A hedge of unknown price is not made. Before a rule has spent anything, only what is free may be hedged.
        """
        if expected_usd is None:
            return False
        spent = self._rules.get(rule, _Spent())
        return spent.added + expected_usd <= share * spent.base

    def settle(self, rule: str, base_usd: float, added_usd: float) -> None:
        """Count a finished request: what its answer cost, and what the attempts beside it did."""
        if rule not in self._rules and len(self._rules) >= _MAX_RULES:
            self._rules.clear()
        spent = self._rules.setdefault(rule, _Spent())
        spent.base += base_usd
        spent.added += added_usd


async def race(
    first: Coroutine[None, None, Opened | Failed],
    second: Callable[[], Coroutine[None, None, Opened | Failed]],
    after_s: float,
    history: list[Attempt],
) -> tuple[Opened | Failed, bool]:
    """The first of two attempts to give an answer, or the last to fail, and whether the second was made.

    The second starts when the first has neither answered nor failed within `after_s`. Whatever happens, nothing
    is left running: the attempt that lost is cancelled and added to `history`.
    """
    running = [asyncio.create_task(first)]
    result: Opened | Failed | None = None
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        if done:
            result = running[0].result()
            return result, False
        running.append(asyncio.create_task(second()))
        pending = set(running)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in (task for task in running if task in done):
                result = task.result()
                if isinstance(result, Opened) or not may_climb(result.error):
                    return result, True
        assert result is not None  # noqa: S101 both have failed
        return result, True
    finally:
        await _stop(running, result, history)


async def _stop(
    running: list[asyncio.Task[Opened | Failed]], kept: Opened | Failed | None, history: list[Attempt]
) -> None:
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, Opened) and outcome is not kept:
            history.append(await outcome.drop())
