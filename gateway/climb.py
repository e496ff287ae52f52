"""Climbing a plan: run its chain, or try each step, until one gives an answer that may be released."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gateway.attempt import Failed, Opened
from gateway.chain import run_chain
from gateway.errors import DeadlinePassed, PlanExhausted
from gateway.execute import failures
from gateway.hedge import HedgeBudget, race

if TYPE_CHECKING:
    from gateway.attempt import Attempts, Route
    from gateway.telemetry.spans import AttemptSpan
    from gateway.types import Answer, Attempt, Call, Delta
    from policies.decision import Hedge, Step

_OFFERS = frozenset({"tools", "functions", "tool_choice", "function_call", "parallel_tool_calls"})
"""Fields that let a model call tools, and say nothing without them."""


class Climbed(Struct, frozen=True):
    """An answer that passed its checks, with the deltas read so far and what it took to get here."""

    step: Step
    answer: Answer
    first: tuple[Delta, ...]
    attempts: tuple[Attempt, ...]
    """The last one is the step that answers; it and its `span` end when its stream ends."""
    span: AttemptSpan
    waited_ns: int
    """Time spent waiting for targets."""


class Climber:
    """Climbs plans."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self.hedges = HedgeBudget()
        """What hedging may still cost; the pipeline tells it what finished requests did cost."""

    async def climb(self, route: Route) -> Climbed:
        """The first acceptable answer that the plan gives: its chain's, else that of one of its steps.

        Raises the last step's own error when the plan has one step or the caller is at fault, else `PlanExhausted`.
        """
        started = time.time_ns()
        result = await self._within_deadline(route)
        if not isinstance(result, Opened):
            raise _exhausted(route, result)
        attempts = (*route.history, result.attempt)
        return Climbed(
            result.step, result.answer, result.first, attempts, result.span, time.time_ns() - started
        )

    async def _within_deadline(self, route: Route) -> Opened | Failed | None:
        """What the plan gives within its deadline; whatever is under way then is cancelled."""
        deadline_s = route.decision.plan.deadline_s
        if deadline_s is None:
            return await self._run(route)
        try:
            async with asyncio.timeout(deadline_s):
                return await self._run(route)
        except TimeoutError:
            error = DeadlinePassed(f"No target answered within the {deadline_s:g} s that the plan allows.")
            raise PlanExhausted(error.message, cause=error, attempts=route.history) from None

    async def _run(self, route: Route) -> Opened | Failed | None:
        result: Opened | Failed | None = None
        if route.decision.plan.chain:
            result = await run_chain(self._attempts, route)
        if result is None or (isinstance(result, Failed) and failures.may_climb(result.error)):
            result = await self._steps(route) or result
        return result

    async def _steps(self, route: Route) -> Opened | Failed | None:
        """The answer of the first step that gives one, else the last failure; None when there is no step."""
        steps, hedge = list(route.decision.plan.steps), route.decision.plan.hedge
        call = without_offers(route.call) if route.decision.plan.degraded else route.call
        make = self._attempts.make
        result: Opened | Failed | None = None
        while steps:
            step = steps.pop(0)
            if result is None and hedge is not None and steps and self._may_hedge(route, hedge, steps[0]):
                result, second = await race(
                    make(route, step, call),
                    functools.partial(make, route, steps[0], call),
                    hedge.after_s,
                    route.history,
                )
                del steps[: int(second)]
            else:
                result = await make(route, step, call)
            if isinstance(result, Opened) or not failures.may_climb(result.error):
                break
        return result

    def _may_hedge(self, route: Route, hedge: Hedge, step: Step) -> bool:
        expected = route.expected_usd.get(step.target)
        return self.hedges.allows(route.decision.rule, hedge.spend_share, expected)


def without_offers(call: Call) -> Call:
    """The call without the tools that it merely offers, for a model that has none; a forced tool stays."""
    if call.forced_tool or not call.tools:
        return call
    fields = {name: value for name, value in call.fields.items() if name not in _OFFERS}
    return replace(call, fields=fields, tools=False)


def _exhausted(route: Route, last: Failed | None) -> PlanExhausted:
    """What the caller is told: the one decisive error, or all of them in order."""
    attempts = tuple(route.history)
    said = [f"{attempt.target}: {attempt.error.partition(': ')[2]}" for attempt in attempts if attempt.error]
    said += [f"{skipped.target}: {skipped.reason}" for skipped in route.decision.plan.skipped]
    assert last is not None  # noqa: S101 the pipeline climbs no empty plan
    message = last.error.message if len(said) == 1 else f"No target could answer. {' '.join(said)}"
    return PlanExhausted(message, cause=last.error, attempts=attempts)
