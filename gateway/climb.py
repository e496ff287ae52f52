"""Climbing a plan: try each step until one gives an answer that may be released."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenacity
from msgspec.structs import replace

from gateway.errors import (
    AttemptError,
    BadCompletion,
    NotCapable,
    NotConfident,
    PlanExhausted,
)
from gateway.execute import failures
from gateway.types import Attempt
from gateway.verify.confidence import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.execute.base import Executor
    from gateway.execute.catalogue import Endpoint, Lane
    from gateway.telemetry.spans import AttemptSpan, Trace
    from gateway.types import Answer, AttemptStatus, Call, Delta
    from policies.decision import Plan, Step

_BACKOFF = tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1)
_LONGEST_WAIT_S = 5.0
_OFFERS = frozenset({"tools", "functions", "tool_choice", "function_call", "parallel_tool_calls"})
"""Fields that let a model call tools, and say nothing without them."""


@dataclass(frozen=True, slots=True)
class Climbed:
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
    """Climbs plans with one executor a lane."""

    def __init__(self, executors: Mapping[Lane, Executor]) -> None:
        self._executors = executors

    async def climb(self, call: Call, plan: Plan, endpoints: Mapping[str, Endpoint], trace: Trace) -> Climbed:
        """The first acceptable answer of the plan's steps.

        Raises the last step's own error when the plan has one step or the caller is at fault, else `PlanExhausted`.
        """
        attempts: list[Attempt] = []
        errors: list[AttemptError] = []
        started = time.time_ns()
        for step in plan.steps:
            endpoint = endpoints[step.target]
            attempt = Attempt(step.target, endpoint.model, endpoint.provider, "failed", time.time_ns(), 0)
            span = trace.attempt(len(attempts), attempt.started_ns)
            try:
                answer, first, retries = await self._try(call, step, endpoint, span.traceparent)
            except AttemptError as error:
                attempts.append(_failed(attempt, error))
                span.end(attempts[-1])
                errors.append(error)
                if not failures.may_climb(error):
                    break
                continue
            except asyncio.CancelledError:
                span.end(replace(attempt, status="cancelled", ended_ns=time.time_ns()))
                raise
            now = time.time_ns()
            first_ms = (now - attempt.started_ns) / 1e6
            attempts.append(
                replace(
                    attempt, status="ok", confidence=answer.confidence, retries=retries, first_ms=first_ms
                )
            )
            return Climbed(step, answer, first, tuple(attempts), span, now - started)
        raise _exhausted(plan, errors, tuple(attempts))

    async def _try(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...], int]:
        """The answer, its first deltas, and how often the target was asked again."""
        try:
            answer, first = await self._once(call, step, endpoint, traceparent)
        except AttemptError as error:
            if step.retries == 0 or not _worth_retrying(error):
                raise
            return await self._again(error, call, step, endpoint, traceparent)
        return answer, first, 0

    async def _again(
        self, error: AttemptError, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...], int]:
        await asyncio.sleep(max(error.retry_after_s or 0.0, random.uniform(0.05, 0.2)))  # noqa: S311 jitter
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(step.retries),
            wait=_wait,
            retry=tenacity.retry_if_exception(_worth_retrying),
            reraise=True,
        )
        found: tuple[Answer, tuple[Delta, ...]] = await retrying(
            self._once, call, step, endpoint, traceparent
        )
        return *found, int(retrying.statistics.get("attempt_number", 1))

    async def _once(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...]]:
        """Open the answer, judge it, and read up to the first delta that is real generation.

        Nothing has gone to the client yet, so every failure up to here can still become another step.
        """
        answer = await self._executors[endpoint.lane].open(call, step, endpoint, traceparent)
        first: list[Delta] = []
        try:
            verdict = judge(answer.confidence, step.accept_confidence)
            if not verdict.accepted:
                raise NotConfident(f"`{step.target}` is not sure enough: {verdict.reason}.")
            async for batch in answer.deltas:
                first += batch
                if any(delta.generated for delta in batch):
                    return answer, tuple(first)
        except BaseException:
            await close(answer)
            raise
        raise BadCompletion(f"`{endpoint.provider}` sent an empty stream.")


def without_offers(call: Call) -> Call:
    """The call without the tools that it merely offers, for a model that has none; a forced tool stays."""
    if call.forced_tool or not call.tools:
        return call
    fields = {name: value for name, value in call.fields.items() if name not in _OFFERS}
    return replace(call, fields=fields, tools=False)


async def close(answer: Answer) -> None:
    """Stop reading an answer, which cancels the work behind it."""
    aclose = getattr(answer.deltas, "aclose", None)
    if aclose is not None:
        await aclose()
    if answer.abandon is not None:
        answer.abandon()


def _worth_retrying(error: BaseException) -> bool:
    if not isinstance(error, AttemptError) or not error.retryable:
        return False
    return error.retry_after_s is None or error.retry_after_s <= _LONGEST_WAIT_S


def _wait(state: tenacity.RetryCallState) -> float:
    """At least what the target asked for, else exponential with jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, AttemptError) else None
    return max(asked or 0.0, _BACKOFF(state))


def _failed(attempt: Attempt, error: AttemptError) -> Attempt:
    status: AttemptStatus = "failed"
    if isinstance(error, NotCapable):
        status = "declined"
    elif isinstance(error, NotConfident):
        status = "unsure"
    return replace(attempt, status=status, ended_ns=time.time_ns(), error=f"{error.code}: {error.message}")


def _exhausted(plan: Plan, errors: list[AttemptError], attempts: tuple[Attempt, ...]) -> PlanExhausted:
    """What the caller is told: the one decisive error, or all of them in order."""
    last = errors[-1]
    said = [f"{attempt.target}: {error.message}" for attempt, error in zip(attempts, errors, strict=True)]
    said += [f"{skipped.target}: {skipped.reason}" for skipped in plan.skipped]
    message = last.message if len(said) == 1 else f"No target could answer. {' '.join(said)}"
    return PlanExhausted(message, cause=last, attempts=attempts)
