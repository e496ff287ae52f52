"""Shadows: targets that get a request too, after it was answered. No client sees them, and none waits for them."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gateway.attempt import Attempts, Failed, Route, read_through, unstreamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.execute.catalogue import Endpoint
    from gateway.live import LivePolicy
    from gateway.telemetry.cost import Prices
    from gateway.telemetry.spans import Trace
    from gateway.types import Attempt, Call, Delta, Outcome
    from policies.decision import Decision, Shadow

log = logging.getLogger("pointsman.shadow")
_RUNNING = 32
_KEPT_CHARACTERS = 65_536


class Answered(Struct, frozen=True):
    """A request that was answered, and what its shadows need to be called and compared."""

    call: Call
    decision: Decision
    endpoints: Mapping[str, Endpoint]
    prices: Prices
    trace: Trace
    text: str
    """What the client got."""
    cost_usd: float | None = None
    """What that cost."""
    ms: float | None = None
    """How long its target took for all of it."""


def answered(
    outcome: Outcome, decision: Decision, live: LivePolicy, trace: Trace, said: Sequence[Delta]
) -> Answered:
    """What the shadows of a request that has ended well need."""
    attempt = outcome.attempts[-1]
    return Answered(
        call=outcome.call,
        decision=decision,
        endpoints=live.endpoints,
        prices=live.prices,
        trace=trace,
        text="".join(delta.text for delta in said),
        cost_usd=outcome.cost_usd,
        ms=(attempt.ended_ns - attempt.started_ns) / 1e6,
    )


class Shadows:
    """Calls shadows in the background, a bounded number at once; beyond it they are dropped and counted."""

    def __init__(
        self,
        attempts: Attempts,
        keep: Callable[[dict[str, Any]], None],
        counted: Callable[[str, str, float | None], None],
        limit: int = _RUNNING,
    ) -> None:
        """`keep` takes rows of the `shadows` table; `counted` hears of target, status and USD of each call."""
        self._attempts = attempts
        self._keep = keep
        self._counted = counted
        self._limit = limit
        self._running: set[asyncio.Task[None]] = set()

    def start(self, answered: Answered) -> None:
        """Call every shadow of the plan soon. Returns at once and never raises."""
        for shadow in answered.decision.plan.shadows:
            if len(self._running) >= self._limit:
                self._counted(shadow.step.target, "dropped", None)
                continue
            task = asyncio.create_task(self._call(answered, shadow), name="shadow")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop what is still running; its rows are lost."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _call(self, answered: Answered, shadow: Shadow) -> None:
        try:
            attempt, said = await self._read(answered, shadow)
        except Exception:  # nobody else would hear of it
            log.exception("the shadow `%s` failed unexpectedly", shadow.step.target)
            self._counted(shadow.step.target, "failed", None)
            return
        self._counted(attempt.target, attempt.status, attempt.cost_usd)
        self._keep(_row(answered, shadow, attempt, said))

    async def _read(self, answered: Answered, shadow: Shadow) -> tuple[Attempt, str | None]:
        """The attempt, and what the shadow said if it came to an end."""
        call, step = unstreamed(answered.call), shadow.step
        route = Route(
            call, answered.decision, answered.endpoints, answered.prices, {}, answered.trace.beside(), []
        )
        try:
            opened = await self._attempts.make(route, step, call)
            read = opened if isinstance(opened, Failed) else await read_through(opened, route)
        finally:
            route.trace.flush()
        said = None if isinstance(read, Failed) else "".join(delta.text for delta in read)
        return route.history[-1], said


def _row(answered: Answered, shadow: Shadow, attempt: Attempt, said: str | None) -> dict[str, Any]:
    usage, kept = attempt.usage, shadow.keep_answer
    return {
        "request_id": answered.call.request_id,
        "target": attempt.target,
        "at": time.time(),
        "policy_version": answered.decision.policy_version,
        "rule": answered.decision.rule,
        "experiment": shadow.experiment,
        "propensity": shadow.propensity,
        "model": attempt.model,
        "status": attempt.status,
        "error": attempt.error.partition(":")[0] if attempt.error else None,
        "ms": (attempt.ended_ns - attempt.started_ns) / 1e6,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "cost_usd": attempt.cost_usd,
        "confidence": attempt.confidence,
        "agrees": None if said is None else _plain(said) == _plain(answered.text),
        "answer": said[:_KEPT_CHARACTERS] if kept and said is not None else None,
        "released_answer": answered.text[:_KEPT_CHARACTERS] if kept else None,
        "released_usd": answered.cost_usd,
        "released_ms": answered.ms,
    }


def _plain(text: str) -> str:
    """Text by which two answers are called the same: without case, outer punctuation and spacing."""
    return " ".join(text.casefold().split()).strip(".,;:!\"'` ")
