"""Prometheus metrics. Labels are few and bounded: never a user, a request id or a text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.types import Outcome

_OPEN = {"closed": 0.0, "half-open": 0.5, "open": 1.0}

_Metric = TypeVar("_Metric", Counter, Histogram)
_NAMESPACE = "pointsman"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics of one gateway process; several processes share them when `PROMETHEUS_MULTIPROC_DIR` is set."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[int, tuple[str, ...]], Counter | Histogram] = {}

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(name, help_text, labels, namespace=_NAMESPACE, registry=self._registry)

        def histogram(name: str, help_text: str, *labels: str) -> Histogram:
            return Histogram(
                name, help_text, labels, namespace=_NAMESPACE, registry=self._registry, buckets=_SECONDS
            )

        self.requests = counter("requests", "Requests by how they ended.", "target", "cache", "status")
        self.rejected = counter("rejected", "Requests turned away before routing.", "code")
        self.attempts = counter("attempts", "Calls of targets by how they ended.", "target", "status")
        self.shadows = counter(
            "shadows", "Calls of targets beside the answer, by how they ended.", "target", "status"
        )
        self.duration = histogram("request_duration_seconds", "From arrival to the last byte.", "target")
        self.overhead = histogram("overhead_seconds", "Time to first byte less waiting for targets.")
        self.tokens = counter("tokens", "Tokens by kind.", "target", "kind")
        self.cost = counter("cost_usd", "Money spent.", "target")
        self.saved = counter("saved_usd", "Money not spent, against the policy's baseline.", "target")
        self.unpriced = counter("unpriced_requests", "Answers whose price is not known.", "target")
        self.degradations = counter("degradations", "What was done without.", "kind")
        self.records_dropped = counter("records_dropped", "Records lost because the store was too slow.")
        self.spans_dropped = counter(
            "spans_dropped", "Spans lost because the collector was too slow or away."
        )
        self._add_steering()
        self._add_guards(counter)
        self.policy_loads = counter("policy_loads", "Policy files read.", "result")

    def _add_steering(self) -> None:
        """What every process finds out alike, seconds apart: the newest is what holds."""

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(
                name,
                help_text,
                labels,
                namespace=_NAMESPACE,
                registry=self._registry,
                multiprocess_mode="mostrecent",
            )

        self.shadow_price = gauge("shadow_price", "Success that one unit must buy under `limits`.", "unit")
        self.limits_spent = gauge("limits_spent_usd", "Spent today (UTC) under `limits: usd_per_day`.")
        self.experiments_ended = gauge(
            "experiments_ended", "Experiments that are over and concern no request."
        )

    def _add_guards(self, counter: Callable[..., Counter]) -> None:
        """What stands before endpoints."""
        self.circuits = Gauge(
            "circuit_open",
            "Circuit of an endpoint: 0 closed, 0.5 probing, 1 open; the worst of all processes.",
            ("endpoint",),
            namespace=_NAMESPACE,
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self.circuit_changes = counter("circuit_changes", "Changes of a circuit.", "endpoint", "to")
        self.calls_not_sent = counter("calls_not_sent", "Calls that a guard held back.", "endpoint", "reason")
        self.retries = counter("retries", "Retries by whether the budget let them.", "endpoint", "result")

    def observe(self, outcome: Outcome) -> None:
        """Count one finished request."""
        target = outcome.target or "none"
        status = outcome.status if outcome.status != "error" else outcome.error_code or "error"
        self._of(self.requests, target, outcome.cache, status).inc()
        self._of(self.duration, target).observe(outcome.total_ms / 1000)
        self.overhead.observe(outcome.overhead_ms / 1000)
        for attempt in outcome.attempts:
            self._of(self.attempts, attempt.target, attempt.status).inc()
        for kind in outcome.degradations:
            self._of(self.degradations, kind).inc()
        if saved := outcome.saved_usd:
            self._of(self.saved, target).inc(max(0.0, saved))
        if outcome.cache != "hit" and outcome.usage is not None:
            self._of(self.tokens, target, "input").inc(outcome.usage.prompt_tokens)
            self._of(self.tokens, target, "output").inc(outcome.usage.completion_tokens)
            if outcome.cost_usd is None:
                self._of(self.unpriced, target).inc()
            else:
                self._of(self.cost, target).inc(outcome.cost_usd)

    def observe_shadow(self, target: str, status: str, cost_usd: float | None) -> None:
        """Count one call beside the answer, or that it was dropped; what it cost is money spent."""
        self._of(self.shadows, target, status).inc()
        if cost_usd is not None:
            self._of(self.cost, target).inc(cost_usd)

    def circuit(self, endpoint: str, state: str) -> None:
        """A circuit breaker changed its state."""
        self.circuits.labels(endpoint).set(_OPEN[state])
        self._of(self.circuit_changes, endpoint, state).inc()

    def not_sent(self, endpoint: str, code: str) -> None:
        """A call was held back before anything was sent."""
        self._of(self.calls_not_sent, endpoint, code).inc()

    def retried(self, endpoint: str, *, allowed: bool) -> None:
        """A target was to be asked again."""
        self._of(self.retries, endpoint, "made" if allowed else "refused").inc()

    def _of(self, metric: _Metric, *labels: str) -> _Metric:
        """The child of a metric for these label values; finding it the library's way costs three times as much."""
        key = (id(metric), labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return cast("_Metric", child)

    def render(self) -> bytes:
        """The text that Prometheus scrapes, over all processes that share the folder."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped upstream
            return generate_latest(registry)
        return generate_latest(self._registry)
