"""The path of a request. Read this first.

    exact cache -> classify -> decide -> climb the plan {execute -> verify}* -> deliver -> store, record, trace

There is one path: `handle` returns once the first piece of an acceptable answer is at hand, whether the client
wants it whole or streamed; the rest is pulled from `Reply.deltas`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway import account, decide, refuse
from gateway.attempt import Route, close
from gateway.auth import authorise
from gateway.cache import eligibility
from gateway.cache.base import ENTRY_VERSION, CacheUnavailable, Entry
from gateway.cache.keys import fingerprint
from gateway.classify import classify
from gateway.errors import (
    AttemptError,
    GatewayError,
    PlanExhausted,
    StreamBroken,
)
from gateway.execute.streams import finish_reason, fold
from gateway.records.facts import logged
from gateway.shadow import answered
from gateway.types import Delta, Outcome, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from gateway.affinity import Affinity
    from gateway.cache.base import Cache
    from gateway.classify import Classifier
    from gateway.climb import Climbed, Climber
    from gateway.live import LivePolicy
    from gateway.record import Recorder
    from gateway.shadow import Shadows
    from gateway.telemetry.spans import Spans, Trace
    from gateway.types import Attempt, CacheVerdict, Call
    from policies.decision import Decision


class Reply:
    """An answer on its way: `outcome` is what is known so far, and final once `deltas` has ended."""

    __slots__ = ("deltas", "outcome")

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.deltas: AsyncGenerator[Sequence[Delta], None]


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What the exact cache said."""

    key: str | None
    verdict: CacheVerdict
    entry: Entry | None = None
    degradations: tuple[str, ...] = ()


class Pipeline:
    """Handles calls under the policy in force. Holds no state of any request."""

    def __init__(
        self,
        *,
        policy: Callable[[], LivePolicy],
        classifier: Classifier,
        cache: Cache | None,
        climber: Climber,
        shadows: Shadows,
        spans: Spans,
        recorder: Recorder,
        affinity: Affinity,
    ) -> None:
        self._policy = policy
        self._classifier = classifier
        self._cache = cache
        self._climber = climber
        self._shadows = shadows
        self._spans = spans
        self._recorder, self.affinity = recorder, affinity

    async def handle(self, call: Call) -> Reply:
        """Answer a call, up to its first delta. Raises `GatewayError`; every call leaves one record either way."""
        live = self._policy()
        trace = self._spans.begin(call)
        outcome = Outcome(
            call, "error", "off", trace_id=trace.trace_id, policy_version=live.version, http_status=500
        )
        history: list[Attempt] = []
        try:
            authorise(call.caller, model=call.model)
            if not live.compiled.knows_model(call.model):
                raise refuse.unknown_model(call, live)
            lookup = await self._look_up(call, live, trace)
            outcome = replace(outcome, cache=lookup.verdict, degradations=lookup.degradations)
            if lookup.entry is not None:
                return self._replay(outcome, lookup.entry, live, trace)
            outcome, decision = await self._route(outcome, live, trace)
            if decision.plan.first is None:
                raise refuse.no_step(call, decision, live)
            climbed = await self._climb(outcome, decision, live, trace, history)
        except GatewayError as error:
            self._conclude(account.failed(outcome, error, live), trace)
            raise
        except asyncio.CancelledError:
            self._conclude(account.abandoned(outcome, history, live), trace)
            raise
        return self._release(outcome, decision, climbed, lookup, live, trace)

    async def _look_up(self, call: Call, live: LivePolicy, trace: Trace) -> _Lookup:
        if self._cache is None:
            return _Lookup(None, "off")
        started = time.time_ns()
        key = fingerprint(call, live.version, live.inputs)
        lookup = _Lookup(key, "bypass")
        if eligibility.may_read(call):
            try:
                entry = await self._cache.get(key)
                lookup = _Lookup(key, "miss" if entry is None else "hit", entry)
            except CacheUnavailable:
                lookup = _Lookup(key, "miss", degradations=("cache_unavailable",))
        trace.cache(started, time.time_ns(), lookup.verdict)
        return lookup

    def _replay(self, outcome: Outcome, entry: Entry, live: LivePolicy, trace: Trace) -> Reply:
        usage = Usage(entry.prompt_tokens, entry.completion_tokens)
        reply = Reply(
            replace(
                account.first_byte(outcome, waited_ns=0),
                status="ok",
                http_status=200,
                target=entry.target,
                model=entry.model,
                rule=entry.rule,
                task=entry.task,
                domain=entry.domain,
                difficulty=entry.difficulty,
                confidence=entry.confidence,
                usage=usage,
                cost_usd=0.0,
                counterfactual_usd=live.prices.counterfactual(usage),
                finish_reason="stop",
            )
        )
        reply.deltas = self._deliver_kept(reply, entry.body.encode(), trace)
        return reply

    async def _deliver_kept(
        self, reply: Reply, body: bytes, trace: Trace
    ) -> AsyncGenerator[Sequence[Delta], None]:
        try:
            yield (Delta(raw=body, whole=True),)
        finally:
            reply.outcome = self._conclude(reply.outcome, trace)

    async def _route(self, outcome: Outcome, live: LivePolicy, trace: Trace) -> tuple[Outcome, Decision]:
        call = outcome.call
        started = time.time_ns()
        signals = await classify(self._classifier, call.text)
        classified = time.time_ns()
        trace.classify(started, classified, signals, self._classifier.version)
        facts = decide.facts(call, signals, live, await self.affinity.settled(call, live.compiled.sticky))
        decision = decide.decide_on(facts, live, explained=False)
        trace.decide(classified, time.time_ns(), decision)
        outcome = replace(
            outcome,
            signals=signals,
            decision=decision,
            logged=logged(call, facts, live.inputs),
            rule=decision.rule,
            task=signals.task,
            domain=signals.domain,
            difficulty=signals.difficulty,
            degraded=decision.plan.degraded,
        )
        return outcome, decision

    async def _climb(
        self, outcome: Outcome, decision: Decision, live: LivePolicy, trace: Trace, history: list[Attempt]
    ) -> Climbed:
        call = outcome.call
        expected = account.expected(outcome, live) if decision.plan.hedge is not None else {}
        route = Route(call, decision, live.endpoints, live.prices, expected, trace, history)
        try:
            return await self._climber.climb(route)
        except PlanExhausted as error:
            missing = refuse.wanting(decision, live)
            if not missing or any(attempt.status == "failed" for attempt in error.attempts):
                raise
            # Nothing broke: the local models passed it on, and there is nobody to pass it on to.
            refusal = refuse.no_upstream(missing)
            refusal.attempts = error.attempts
            raise refusal from error

    def _release(
        self,
        outcome: Outcome,
        decision: Decision,
        climbed: Climbed,
        lookup: _Lookup,
        live: LivePolicy,
        trace: Trace,
    ) -> Reply:
        reply = Reply(
            replace(
                account.first_byte(outcome, waited_ns=climbed.waited_ns),
                target=climbed.step.target,
                model=climbed.answer.model,
                confidence=climbed.answer.confidence,
                attempts=climbed.attempts,
                http_status=200,
            )
        )
        reply.deltas = self._deliver(reply, decision, climbed, lookup, live, trace)
        return reply

    async def _deliver(
        self,
        reply: Reply,
        decision: Decision,
        climbed: Climbed,
        lookup: _Lookup,
        live: LivePolicy,
        trace: Trace,
    ) -> AsyncGenerator[Sequence[Delta], None]:
        """Every delta of the answer. However this ends, the upstream is closed and the call concluded, once."""
        kept: list[Delta] = []
        outcome = replace(reply.outcome, status="cancelled")
        started = time.time_ns()
        try:
            kept += climbed.first
            yield climbed.first
            async for batch in climbed.answer.deltas:
                kept += batch
                yield batch
            outcome = replace(outcome, status="ok", finish_reason=finish_reason(kept))
            self._keep(outcome, decision, kept, lookup)
            self.affinity.keep(outcome.call, decision.plan.sticky, outcome.target)
        except AttemptError as error:
            outcome = replace(outcome, status="error", error_code=error.code)
            if climbed.answer.blame is not None:
                climbed.answer.blame(error)
            raise StreamBroken(error.message) from error
        finally:
            await close(climbed.answer)
            outcome = account.settled(outcome, kept, climbed, live)
            climbed.span.end(outcome.attempts[-1])
            if decision.plan.hedge is not None:
                self._climber.hedges.settle(decision.rule, *account.with_and_without_hedge(outcome))
            if outcome.call.stream:
                trace.stream(started, time.time_ns())
            reply.outcome = self._conclude(outcome, trace)
            if decision.plan.shadows and outcome.status == "ok":
                self._shadows.start(answered(outcome, decision, live, trace, kept))

    def _keep(self, outcome: Outcome, decision: Decision, kept: list[Delta], lookup: _Lookup) -> None:
        """Store a finished answer for equal requests, if it may serve them."""
        call = outcome.call
        if self._cache is None or lookup.key is None:
            return
        calls_tools = any(delta.tool_calls for delta in kept)
        if not eligibility.may_store(call, decision, outcome.finish_reason, calls_tools=calls_tools):
            return
        completion = fold(kept)
        usage = completion.usage or Usage(0, 0)
        entry = Entry(
            version=ENTRY_VERSION,
            body=completion.body.decode(),
            target=outcome.target,
            model=outcome.model,
            rule=outcome.rule,
            task=outcome.task,
            domain=outcome.domain,
            difficulty=outcome.difficulty or 0.0,
            confidence=outcome.confidence,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            stored_at=time.time(),
        )
        self._cache.put(lookup.key, entry, eligibility.ttl_s(decision, call.cache))

    def _conclude(self, outcome: Outcome, trace: Trace) -> Outcome:
        """The one place where a call ends: trace, metrics and record."""
        ended = time.time_ns()
        done = replace(outcome, total_ms=(ended - outcome.call.received_ns) / 1e6)
        trace.end(done, ended)
        self._recorder.record(done, self._classifier.version)
        return done
