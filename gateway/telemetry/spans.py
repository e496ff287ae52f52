"""One trace a request, made from the objects that flow through it. No text of a prompt or an answer is in it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import trace as otel
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry import names as n

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

    from gateway.types import Attempt, Call, Outcome, Usage
    from policies.decision import Decision
    from routers.signals import Signals

_propagator = TraceContextTextMapPropagator()
_ROUTE = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class AttemptSpan:
    """The span of one attempt; its context travels to targets inside our trust boundary."""

    span: Span

    @property
    def traceparent(self) -> str:
        """W3C trace context: version, trace id, span id, flags."""
        context = self.span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def end(self, attempt: Attempt) -> None:
        """Close the span with how the attempt ended."""
        attributes: dict[str, AttributeValue] = {n.ATTEMPT_STATUS: attempt.status}
        if attempt.confidence is not None:
            attributes[n.CONFIDENCE] = attempt.confidence
        if attempt.cost_usd is not None:
            attributes[n.COST] = attempt.cost_usd
        attributes.update(_usage(attempt.usage))
        if attempt.status == "failed" and attempt.error:
            attributes[n.ERROR_TYPE] = attempt.error.partition(":")[0]
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.set_attributes(attributes)
        self.span.end(attempt.ended_ns)


class Trace:
    """The trace of one request."""

    __slots__ = ("_context", "_root", "_tracer")

    def __init__(self, tracer: Tracer, root: Span) -> None:
        self._tracer = tracer
        self._root = root
        self._context: Context = otel.set_span_in_context(root)

    @property
    def trace_id(self) -> str:
        return f"{self._root.get_span_context().trace_id:032x}"

    def cache(self, started_ns: int, verdict: str) -> None:
        self._stage(n.SPAN_CACHE, started_ns, {n.CACHE_VERDICT: verdict})

    def classify(self, started_ns: int, signals: Signals, version: str) -> None:
        self._stage(n.SPAN_CLASSIFY, started_ns, {**_signals(signals), n.CLASSIFIER: version})

    def decide(self, started_ns: int, decision: Decision) -> None:
        attributes: dict[str, AttributeValue] = {
            n.RULE: decision.rule,
            n.STEPS: [step.target for step in decision.plan.steps],
            n.PROPENSITY: decision.propensity,
        }
        if decision.plan.skipped:
            attributes[n.SKIPPED] = [f"{s.target}: {s.reason}" for s in decision.plan.skipped]
        self._stage(n.SPAN_DECIDE, started_ns, attributes)

    def attempt(self, attempt: Attempt, number: int) -> AttemptSpan:
        """Start the span of an attempt; `number` counts from 0."""
        span = self._tracer.start_span(
            n.SPAN_ATTEMPT,
            context=self._context,
            kind=SpanKind.CLIENT,
            start_time=attempt.started_ns,
            attributes={
                n.OPERATION: "chat",
                n.PROVIDER: attempt.provider,
                n.REQUEST_MODEL: attempt.model,
                n.TARGET: attempt.target,
                n.ATTEMPT_NUMBER: number,
            },
        )
        return AttemptSpan(span)

    def stream(self, started_ns: int) -> None:
        self._stage(n.SPAN_STREAM, started_ns, {})

    def end(self, outcome: Outcome) -> None:
        """Close the request's own span with its outcome."""
        self._root.set_attributes(_outcome(outcome))
        if outcome.status == "error":
            self._root.set_status(Status(StatusCode.ERROR))
        self._root.end()

    def _stage(self, name: str, started_ns: int, attributes: Mapping[str, AttributeValue]) -> None:
        span = self._tracer.start_span(
            name, context=self._context, start_time=started_ns, attributes=attributes
        )
        span.end()


class Spans:
    """Begins traces; continues the caller's when it sends a `traceparent`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, call: Call) -> Trace:
        parent = _propagator.extract(call.headers) if "traceparent" in call.headers else None
        root = self._tracer.start_span(
            f"POST {_ROUTE}",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=call.received_ns or time.time_ns(),
            attributes={
                n.HTTP_METHOD: "POST",
                n.HTTP_ROUTE: _ROUTE,
                n.REQUEST_ID: call.request_id,
                n.REQUEST_MODEL: call.model,
                n.REQUEST_STREAM: call.stream,
                n.TENANT: call.caller.tenant,
            },
        )
        return Trace(self._tracer, root)


def _signals(signals: Signals) -> dict[str, AttributeValue]:
    return {
        n.TASK: signals.task,
        n.TASK_CONFIDENCE: signals.task_confidence,
        n.DOMAIN: signals.domain,
        n.DIFFICULTY: signals.difficulty,
        n.PII: signals.pii,
        n.INJECTION: signals.injection,
        n.LANGUAGE: signals.language,
    }


def _outcome(outcome: Outcome) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue | None] = {
        n.HTTP_STATUS: outcome.http_status,
        n.CACHE_VERDICT: outcome.cache,
        n.TARGET: outcome.target or None,
        n.RESPONSE_MODEL: outcome.model or None,
        n.RULE: outcome.rule or None,
        n.POLICY: outcome.policy_version or None,
        n.COST: outcome.cost_usd,
        n.COUNTERFACTUAL: outcome.counterfactual_usd,
        n.SAVED: outcome.saved_usd,
        n.OVERHEAD: outcome.overhead_ms,
        n.FIRST_BYTE: outcome.first_byte_ms,
        n.FINISH_REASONS: [outcome.finish_reason] if outcome.finish_reason else None,
        n.ERROR_TYPE: outcome.error_code,
        n.DEGRADED: outcome.degraded,
        n.DEGRADATIONS: list(outcome.degradations) or None,
        n.KEY: outcome.call.caller.key or None,
    }
    return {name: value for name, value in found.items() if value is not None} | _usage(outcome.usage)


def _usage(usage: Usage | None) -> dict[str, AttributeValue]:
    if usage is None:
        return {}
    found: dict[str, AttributeValue] = {
        n.INPUT_TOKENS: usage.prompt_tokens,
        n.OUTPUT_TOKENS: usage.completion_tokens,
    }
    if usage.cached_tokens:
        found[n.CACHE_READ_TOKENS] = usage.cached_tokens
    if usage.reasoning_tokens:
        found[n.REASONING_TOKENS] = usage.reasoning_tokens
    return found
