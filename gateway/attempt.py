"""One attempt at a target: open its answer, judge it, and read up to the first piece that may be released."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import tenacity
from msgspec import Struct
from msgspec.structs import replace

from gateway.errors import AttemptError, BadCompletion, NotCapable, NotConfident, UpstreamTimeout
from gateway.execute.guard import Guards
from gateway.execute.pool import choose, has_another
from gateway.types import Attempt, Usage
from gateway.verify.confidence import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from gateway.execute.base import Executor
    from gateway.execute.catalogue import Endpoint, Lane
    from gateway.execute.guard import Guard
    from gateway.telemetry.cost import Prices
    from gateway.telemetry.spans import AttemptSpan, Trace
    from gateway.types import Answer, AttemptStatus, Call, Delta
    from policies.decision import Decision, Step

_BACKOFF = tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1)
_LONGEST_WAIT_S = 5.0
_STREAMING = frozenset({"stream", "stream_options"})


class Route(Struct, frozen=True):
    """A call and what was decided on it, with what it takes to carry that out."""

    call: Call
    decision: Decision
    endpoints: Mapping[str, Endpoint]
    prices: Prices
    expected_usd: Mapping[str, float]
    """Target -> what this request is expected to cost there; a target of unknown price is absent."""
    trace: Trace
    history: list[Attempt]
    """Receives every attempt that has ended, in order, also when the climb is cancelled."""


class Opened(Struct, frozen=True):
    """An answer that passed its checks, with the deltas read so far. The attempt and its span are still open."""

    step: Step
    answer: Answer
    first: tuple[Delta, ...]
    attempt: Attempt
    span: AttemptSpan

    async def drop(self) -> Attempt:
        """Stop the target: its answer is not wanted. Returns how the attempt ended."""
        await close(self.answer)
        ended = replace(self.attempt, status="cancelled", ended_ns=time.time_ns())
        self.span.end(ended)
        return ended


class Failed(Struct, frozen=True):
    """An attempt that gave no answer."""

    attempt: Attempt
    error: AttemptError


class Attempts:
    """Makes attempts, with one executor a lane."""

    def __init__(self, executors: Mapping[Lane, Executor], guards: Guards | None = None) -> None:
        self._executors = executors
        self._guards = guards or Guards()

    async def make(self, route: Route, step: Step, call: Call) -> Opened | Failed:
        """Send `call` to the target of `step`. An attempt that ends here, failed or cancelled, is in the history."""
        endpoint, history = route.endpoints[step.target], route.history
        begun = Attempt(step.target, endpoint.model, endpoint.provider, "failed", time.time_ns(), 0)
        span = route.trace.attempt(begun.started_ns)
        try:
            answer, first, retries = await self._try(call, step, endpoint, span.traceparent)
        except AttemptError as error:
            ended = _failed(begun, error)
            history.append(ended)
            span.end(ended)
            return Failed(ended, error)
        except asyncio.CancelledError:
            ended = replace(begun, status="cancelled", ended_ns=time.time_ns())
            history.append(ended)
            span.end(ended)
            raise
        attempt = replace(begun, status="ok", confidence=answer.confidence, retries=retries)
        return Opened(step, answer, first, attempt, span)

    async def _try(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...], int]:
        """The answer, its first deltas, and how often the target was asked again."""
        tried: list[str] = []
        try:
            answer, first = await self._once(call, step, endpoint, traceparent, tried)
        except AttemptError as error:
            another = error.retryable and has_another(self._guards, endpoint, tried)
            if step.retries == 0 or not (another or _worth_retrying(error)):
                raise
            if not self._guards.of(endpoint).may_retry():
                raise
            if not another:  # another deployment need not be waited for
                await asyncio.sleep(max(error.retry_after_s or 0.0, random.uniform(0.05, 0.2)))  # noqa: S311 jitter
            return await self._again(call, step, endpoint, traceparent, tried)
        return answer, first, 0

    async def _again(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None, tried: list[str]
    ) -> tuple[Answer, tuple[Delta, ...], int]:
        guard = self._guards.of(endpoint)
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_any(tenacity.stop_after_attempt(step.retries), _Spent(guard)),
            wait=_wait,
            retry=tenacity.retry_if_exception(_worth_retrying),
            reraise=True,
        )
        found: tuple[Answer, tuple[Delta, ...]] = await retrying(
            self._once, call, step, endpoint, traceparent, tried
        )
        return *found, int(retrying.statistics.get("attempt_number", 1))

    async def _once(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None, tried: list[str]
    ) -> tuple[Answer, tuple[Delta, ...]]:
        """One call of the endpoint, if its guard lets it pass. Closing the answer gives back what it holds.

        `tried` names the deployments called so far for this request, and gets the one of this call.
        """
        budget = self._guards.of(endpoint).retries
        endpoint = choose(self._guards, endpoint, tried)
        lease = await self._guards.of(endpoint).admit(step.timeout_s)
        if not tried:
            budget.deposit()
        tried.append(endpoint.deployment)
        try:
            if call.stream:
                answer, first = await self._begun(call, step, endpoint, traceparent)
            else:  # the executor has a limit for the whole of it
                answer, first = await self._open(call, step, endpoint, traceparent)
        except AttemptError as error:
            lease.failed(error)
            lease.give_back()
            raise
        except BaseException:
            lease.give_back()
            raise
        lease.succeeded()
        lease.behind = answer.abandon
        return replace(answer, abandon=lease.abandon, blame=lease.failed), first

    async def _begun(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...]]:
        """`_open` within the time that the first piece of a stream may take: bytes that say nothing are no piece."""
        limit_s = step.first_token_s or step.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._open(call, step, endpoint, traceparent)
        except TimeoutError:
            raise UpstreamTimeout(
                f"`{endpoint.provider}` sent no piece of an answer within {limit_s:g} s."
            ) from None

    async def _open(
        self, call: Call, step: Step, endpoint: Endpoint, traceparent: str | None
    ) -> tuple[Answer, tuple[Delta, ...]]:
        """Open the answer, judge it, and read up to the first delta that is real generation.

        Nothing has gone to the client yet, so every failure up to here can still become another step.
        """
        answer = await self._executors[endpoint.lane].open(call, step, endpoint, traceparent)
        first: list[Delta] = []
        try:
            verdict = judge(answer.confidence, step.accept_confidence, proved=step.acceptance is not None)
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


async def close(answer: Answer) -> None:
    """Stop reading an answer, which cancels the work behind it."""
    aclose = getattr(answer.deltas, "aclose", None)
    if aclose is not None:
        await aclose()
    if answer.abandon is not None:
        answer.abandon()


def unstreamed(call: Call, fields: Mapping[str, msgspec.Raw] | None = None) -> Call:
    """The call, with other `fields` if they are given, for somebody who wants the answer whole."""
    kept = call.fields if fields is None else fields
    kept = {name: value for name, value in kept.items() if name not in _STREAMING}
    return replace(call, fields=kept, stream=False, include_usage=False)


async def read_through(
    opened: Opened, route: Route, fault: Callable[[list[Delta]], AttemptError | None] = lambda _: None
) -> list[Delta] | Failed:
    """Every delta of an answer that the gateway reads for itself; its attempt is then the last of the history.

    `fault` says what is wrong with an answer that came to its end.
    """
    deltas: list[Delta] = list(opened.first)
    error: AttemptError | None = None
    try:
        async for batch in opened.answer.deltas:
            deltas += batch
        error = fault(deltas)
    except AttemptError as broken:
        error = broken
        if opened.answer.blame is not None:
            opened.answer.blame(broken)
    finally:
        await close(opened.answer)
        attempt = _settled(opened, deltas, route.prices)
        if error is not None:
            attempt = replace(attempt, status="failed", error=f"{error.code}: {error.message}")
        route.history.append(attempt)
        opened.span.end(attempt)
    return deltas if error is None else Failed(attempt, error)


def cost_usd(answer: Answer, attempt: Attempt, usage: Usage, prices: Prices) -> float | None:
    """USD of an attempt that ends now; None where the price is not known."""
    compute_ms = answer.compute_ms
    if compute_ms is None:  # a stream is over before its compute time could be said: count all of its time
        compute_ms = (time.time_ns() - attempt.started_ns) / 1e6 - (answer.queue_ms or 0.0)
    return prices.cost(attempt.target, usage, max(0.0, compute_ms))


def _settled(opened: Opened, deltas: list[Delta], prices: Prices) -> Attempt:
    """The attempt of an answer that was read, with its tokens and USD, as far as it got."""
    usage = next((delta.usage for delta in reversed(deltas) if delta.usage), None)
    if usage is None:
        usage = Usage(0, sum(len(delta.text) for delta in deltas) // 4, estimated=True)
    cost = cost_usd(opened.answer, opened.attempt, usage, prices)
    return replace(opened.attempt, ended_ns=time.time_ns(), usage=usage, cost_usd=cost)


class _Spent(tenacity.stop.stop_base):
    """Ends retries whose budget is spent. Stands last, so that it pays only for a retry that is made."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return not self._guard.may_retry()


def _worth_retrying(error: BaseException) -> bool:
    if not isinstance(error, AttemptError) or not error.retryable or not error.sent:
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
