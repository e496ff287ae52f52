"""From an outcome to its record: the metrics and the row that outlive the request."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from gateway.records.facts import exact_model, success
from policies.replay import special_route

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.errors import GatewayError
    from gateway.feedback import Feedback
    from gateway.records.store import RecordStore, Row
    from gateway.telemetry.metrics import Metrics
    from gateway.types import Attempt, Outcome
    from policies.decision import Decision
    from routers.signals import Signals

log = logging.getLogger("pointsman.request")
_TOGETHER: Final = 16
_LATEST_S: Final = 0.05


class Recorder:
    """Counts every outcome, writes its log line and keeps its row: a moment later, some together.

    One after the other they cost half of what each costs between two requests, when the processor's caches hold
    none of this code. A killed process loses what finished in its last 50 ms.
    """

    def __init__(
        self,
        metrics: Metrics,
        store: RecordStore,
        feedback: Feedback,
        note: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        """`note` is told of every finished request as well, and must neither wait nor raise."""
        self._metrics = metrics
        self._store = store
        self._feedback = feedback
        self._note = note
        self._finished: list[tuple[Outcome, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def record(self, outcome: Outcome, classifier_version: str) -> None:
        """Count and keep one finished request soon; neither waits nor raises. Within a running event loop."""
        self._feedback.observe(outcome.attempts)
        self._note(outcome)
        self._finished.append((outcome, classifier_version))
        if len(self._finished) >= _TOGETHER:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LATEST_S, self.flush)

    def flush(self) -> None:
        """Count what has finished, hand over its rows and write its log lines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        finished, self._finished = self._finished, []
        for outcome, _ in finished:
            self._metrics.observe(outcome)
        for outcome, classifier_version in finished:
            self._store.add(row(outcome, classifier_version))
        if log.isEnabledFor(logging.INFO):
            for outcome, _ in finished:
                log.info(line(outcome))

    def reject(self, error: GatewayError, request_id: str) -> None:
        """Count a request that was turned away before it became a call; it leaves no record."""
        self._metrics.rejected.labels(error.code).inc()
        log.info(f"rejected status={error.http_status} error={error.code} request={request_id}")


def line(outcome: Outcome) -> str:
    """The log line of a request: enough to find its record and trace, and no text of it."""
    usage = outcome.usage
    parts = {
        "status": outcome.http_status,
        "error": outcome.error_code,
        "target": outcome.target or None,
        "rule": outcome.rule or None,
        "cache": outcome.cache,
        "tokens": f"{usage.prompt_tokens}+{usage.completion_tokens}" if usage else None,
        "cost_usd": None if outcome.cost_usd is None else f"{outcome.cost_usd:.7f}",
        "first_byte_ms": f"{outcome.first_byte_ms:.1f}" if outcome.first_byte_ms else None,
        "total_ms": f"{outcome.total_ms:.1f}",
        "request": outcome.call.request_id,
        "trace": outcome.trace_id,
    }
    return " ".join(
        [outcome.status, *(f"{name}={value}" for name, value in parts.items() if value is not None)]
    )


def row(outcome: Outcome, classifier_version: str) -> Row:
    """The row of an outcome, by column name."""
    call, decision, usage = outcome.call, outcome.decision, outcome.usage
    model_asked = _fit(call.model, 256)
    return {
        "request_id": call.request_id,
        "at": call.received_ns / 1e9,
        "trace_id": outcome.trace_id,
        "tenant": call.caller.tenant,
        "key": call.caller.key,
        "model_asked": model_asked,
        "stream": call.stream,
        "status": outcome.status,
        "http_status": outcome.http_status,
        "error_code": outcome.error_code,
        "finish_reason": _fit(outcome.finish_reason, 32) if outcome.finish_reason else None,
        "policy_version": outcome.policy_version,
        "classifier_version": classifier_version,
        "rule": outcome.rule,
        "propensity": decision.propensity if decision else 1.0,
        "steps": decision.plan.targets if decision else [],
        "target": _fit(outcome.target, 64),
        "model": _fit(outcome.model, 256),
        "degraded": _fit(outcome.degraded, 64) if outcome.degraded else None,
        "cache": outcome.cache,
        "confidence": outcome.confidence,
        "signals": _signals(outcome.signals) if outcome.signals else None,
        "attempts": [_attempt(attempt) for attempt in outcome.attempts],
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "usage_estimated": usage.estimated if usage else False,
        "cost_usd": outcome.cost_usd,
        "counterfactual_usd": outcome.counterfactual_usd,
        "overhead_ms": outcome.overhead_ms,
        "first_byte_ms": outcome.first_byte_ms,
        "total_ms": outcome.total_ms,
        "degradations": list(outcome.degradations),
        "facts": _facts(outcome, model_asked),
    }


def _fit(text: str, width: int) -> str:
    """Text as every database takes it: PostgreSQL refuses a whole batch for one NUL or one string too long."""
    return text.replace("\x00", "")[:width]


def _facts(outcome: Outcome, model_asked: str) -> dict[str, object] | None:
    """What it takes to decide the request again; None where nothing was decided, as for an answer from the cache."""
    if outcome.logged is None or outcome.signals is None or outcome.decision is None:
        return None
    return {
        **outcome.logged,
        **exact_model(outcome.call.model, model_asked),
        **_experiment(outcome.decision),
        **_special(outcome.decision),
        "accept": [step.accept_confidence for step in outcome.decision.plan.steps],
        **success(outcome.signals.success),
    }


def _experiment(decision: Decision) -> dict[str, object]:
    if decision.experiment is None:
        return {}
    return {"experiment": decision.experiment, "arm": decision.arm}


def _special(decision: Decision) -> dict[str, object]:
    route = special_route(decision.plan)
    return {} if route is None else {"route": route}


def _signals(signals: Signals) -> dict[str, object]:
    """The signals to their last digit: rounded ones could fall on the other side of a policy's threshold."""
    return {
        "task": signals.task,
        "task_confidence": signals.task_confidence,
        "domain": signals.domain,
        "domain_confidence": signals.domain_confidence,
        "difficulty": signals.difficulty,
        "pii": signals.pii,
        "injection": signals.injection,
        "language": signals.language,
        "tokens": signals.tokens,
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "target": attempt.target,
        "model": attempt.model,
        "status": attempt.status,
        "ms": round((attempt.ended_ns - attempt.started_ns) / 1e6, 3),
        "error": attempt.error.partition(":")[0] if attempt.error else None,
        "retries": attempt.retries,
        "confidence": attempt.confidence,
        "cost_usd": attempt.cost_usd,
    }
