"""One trace a request, made from the objects that flow through it. No text of a prompt or an answer is in it.

Spans are built whole, once what they tell of is over, and queued for export with their trace. Living SDK spans would
cost about 30 µs each on the event loop, for locks and checks that finished, typed values do not need.
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision as Sampling
from opentelemetry.trace import SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry import names as n
from gateway.telemetry.finished import FinishedSpan

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext
    from opentelemetry.util.types import AttributeValue

    from gateway.telemetry.setup import Tracing
    from gateway.types import Attempt, Call, Outcome, Usage
    from policies.decision import Decision
    from routers.signals import Signals

    Attributes = dict[str, AttributeValue]

_propagator = TraceContextTextMapPropagator()
_ROUTE = "/v1/chat/completions"
# Seeded by the system once: asking it for each id would give up the interpreter lock. Ids are no secret.
_ids = random.Random()  # noqa: S311


class AttemptSpan:
    """The span of one attempt. Its context travels to targets inside our trust boundary."""

    __slots__ = ("_number", "_shadow", "_span_id", "_started_ns", "_trace")

    def __init__(self, trace: Trace, number: int, started_ns: int, *, shadow: bool) -> None:
        self._shadow = shadow
        self._trace = trace
        self._number = number
        self._started_ns = started_ns
        self._span_id = _new_span_id()

    @property
    def traceparent(self) -> str:
        """W3C trace context: version, trace id, span id, flags."""
        return f"00-{self._trace.trace_id}-{self._span_id:016x}-{self._trace.sampled:02x}"

    def end(self, attempt: Attempt) -> None:
        """Close the span with how the attempt ended."""
        if self._trace.recording:
            name = n.SPAN_SHADOW if self._shadow else n.SPAN_ATTEMPT
            self._trace.add(
                name,
                self._started_ns,
                attempt.ended_ns,
                _attempt(attempt, self._number),
                kind=SpanKind.CLIENT,
                span_id=self._span_id,
                failed=attempt.status == "failed",
            )


class Trace:
    """The trace of one request: collects its spans, and exports them when the request ends."""

    __slots__ = (
        "_attempts", "_call", "_id", "_parent", "_root", "_shadow", "_spans", "_tracing",
        "recording", "sampled", "trace_id",
    )  # fmt: skip

    def __init__(self, tracing: Tracing, call: Call) -> None:
        self._tracing = tracing
        self._call = call
        self._attempts = 0
        self._shadow = False
        self._spans: list[FinishedSpan] = []
        self._parent = _parent_of(call)
        self._id = self._parent.trace_id if self._parent else _ids.getrandbits(128) or 1
        self._root = _new_span_id()
        self.trace_id = f"{self._id:032x}"
        self.sampled = self._is_sampled()
        self.recording = self.sampled and tracing.queue is not None

    def cache(self, started_ns: int, ended_ns: int, verdict: str) -> None:
        if self.recording:
            self.add(n.SPAN_CACHE, started_ns, ended_ns, {n.CACHE_VERDICT: verdict})

    def classify(self, started_ns: int, ended_ns: int, signals: Signals, version: str) -> None:
        if self.recording:
            self.add(n.SPAN_CLASSIFY, started_ns, ended_ns, _signals(signals) | {n.CLASSIFIER: version})

    def decide(self, started_ns: int, ended_ns: int, decision: Decision) -> None:
        if self.recording:
            self.add(n.SPAN_DECIDE, started_ns, ended_ns, _decision(decision))

    def stream(self, started_ns: int, ended_ns: int) -> None:
        if self.recording:
            self.add(n.SPAN_STREAM, started_ns, ended_ns, {})

    def attempt(self, started_ns: int) -> AttemptSpan:
        """The span of an attempt that begins; its number counts from 0."""
        self._attempts += 1
        return AttemptSpan(self, self._attempts - 1, started_ns, shadow=self._shadow)

    def beside(self) -> Trace:
        """Spans of the same trace for what outlives the request; `flush` exports them."""
        other = copy.copy(self)
        other._spans = []
        other._shadow = True
        return other

    def flush(self) -> None:
        """Export the spans of what ran beside the request."""
        if self.recording and self._tracing.queue is not None:
            self._tracing.queue.add(self._spans)

    def end(self, outcome: Outcome, ended_ns: int) -> None:
        """Close the request's own span with its outcome and export the trace."""
        queue = self._tracing.queue
        if not self.recording or queue is None:
            return
        parent = self._parent
        request = FinishedSpan(
            f"POST {_ROUTE}",
            self._id,
            self._root,
            parent.span_id if parent else None,
            parent.is_remote if parent else False,
            SpanKind.SERVER,
            outcome.status == "error",
            self._call.received_ns,
            ended_ns,
            _request(self._call) | _outcome(outcome),
        )
        queue.add([*self._spans, request])

    def add(
        self,
        name: str,
        started_ns: int,
        ended_ns: int,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        span_id: int | None = None,
        failed: bool = False,
    ) -> None:
        """Keep a finished span below the request's own; without a `span_id` it gets a new one."""
        self._spans.append(
            FinishedSpan(
                name,
                self._id,
                span_id or _new_span_id(),
                self._root,
                False,
                kind,
                failed,
                started_ns,
                ended_ns,
                attributes,
            )
        )

    def _is_sampled(self) -> bool:
        if self._parent is None and self._tracing.samples_all:
            return True
        parent = _propagator.extract(self._call.headers) if self._parent else None
        result = self._tracing.sampler.should_sample(parent, self._id, _ROUTE, kind=SpanKind.SERVER)
        return result.decision is Sampling.RECORD_AND_SAMPLE


class Spans:
    """Begins traces; continues the caller's when it sends a `traceparent`."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def begin(self, call: Call) -> Trace:
        return Trace(self._tracing, call)


def _new_span_id() -> int:
    return _ids.getrandbits(64) or 1  # 0 is no id


def _parent_of(call: Call) -> SpanContext | None:
    if "traceparent" not in call.headers:
        return None
    context = get_current_span(_propagator.extract(call.headers)).get_span_context()
    return context if context.is_valid else None


def _request(call: Call) -> Attributes:
    return {
        n.HTTP_METHOD: "POST",
        n.HTTP_ROUTE: _ROUTE,
        n.REQUEST_ID: call.request_id,
        n.REQUEST_MODEL: call.model,
        n.REQUEST_STREAM: call.stream,
        n.TENANT: call.caller.tenant,
    }


def _decision(decision: Decision) -> Attributes:
    found: Attributes = {
        n.RULE: decision.rule,
        n.STEPS: decision.plan.targets,
        n.PROPENSITY: decision.propensity,
    }
    if decision.experiment is not None and decision.arm is not None:
        found[n.EXPERIMENT] = decision.experiment
        found[n.ARM] = decision.arm
    if decision.plan.skipped:
        found[n.SKIPPED] = [f"{s.target}: {s.reason}" for s in decision.plan.skipped]
    return found


def _attempt(attempt: Attempt, number: int) -> Attributes:
    found: Attributes = {
        n.OPERATION: "chat",
        n.PROVIDER: attempt.provider,
        n.REQUEST_MODEL: attempt.model,
        n.TARGET: attempt.target,
        n.ATTEMPT_NUMBER: number,
        n.ATTEMPT_STATUS: attempt.status,
    }
    if attempt.confidence is not None:
        found[n.CONFIDENCE] = attempt.confidence
    if attempt.cost_usd is not None:
        found[n.COST] = attempt.cost_usd
    if attempt.status == "failed" and attempt.error:
        found[n.ERROR_TYPE] = attempt.error.partition(":")[0]
    return found | _usage(attempt.usage)


def _signals(signals: Signals) -> Attributes:
    return {
        n.TASK: signals.task,
        n.TASK_CONFIDENCE: signals.task_confidence,
        n.DOMAIN: signals.domain,
        n.DIFFICULTY: signals.difficulty,
        n.PII: signals.pii,
        n.INJECTION: signals.injection,
        n.LANGUAGE: signals.language,
    }


def _outcome(outcome: Outcome) -> Attributes:
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


def _usage(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    found: Attributes = {
        n.INPUT_TOKENS: usage.prompt_tokens,
        n.OUTPUT_TOKENS: usage.completion_tokens,
    }
    if usage.cached_tokens:
        found[n.CACHE_READ_TOKENS] = usage.cached_tokens
    if usage.reasoning_tokens:
        found[n.REASONING_TOKENS] = usage.reasoning_tokens
    return found
