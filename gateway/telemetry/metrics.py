"""Prometheus metrics. Labels are few and bounded: never a user, a request id or a text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

if TYPE_CHECKING:
    from gateway.types import Outcome

_NAMESPACE = "pointsman"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics of one gateway process; several processes share them when `PROMETHEUS_MULTIPROC_DIR` is set."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(name, help_text, labels, namespace=_NAMESPACE, registry=self._registry)

        def histogram(name: str, help_text: str, *labels: str) -> Histogram:
            return Histogram(
                name, help_text, labels, namespace=_NAMESPACE, registry=self._registry, buckets=_SECONDS
            )

        self.requests = counter("requests", "Requests by how they ended.", "target", "cache", "status")
        self.rejected = counter("rejected", "Requests turned away before routing.", "code")
        self.attempts = counter("attempts", "Calls of targets by how they ended.", "target", "status")
        self.duration = histogram("request_duration_seconds", "From arrival to the last byte.", "target")
        self.overhead = histogram("overhead_seconds", "Time to first byte less waiting for targets.")
        self.tokens = counter("tokens", "Tokens by kind.", "target", "kind")
        self.cost = counter("cost_usd", "Money spent.", "target")
        self.saved = counter("saved_usd", "Money not spent, against the policy's baseline.", "target")
        self.unpriced = counter("unpriced_requests", "Answers whose price is not known.", "target")
        self.degradations = counter("degradations", "What was done without.", "kind")
        self.records_dropped = counter("records_dropped", "Records lost because the store was too slow.")
        self.policy_loads = counter("policy_loads", "Policy files read.", "result")

    def observe(self, outcome: Outcome) -> None:
        """Count one finished request."""
        target = outcome.target or "none"
        status = outcome.status if outcome.status != "error" else outcome.error_code or "error"
        self.requests.labels(target, outcome.cache, status).inc()
        self.duration.labels(target).observe(outcome.total_ms / 1000)
        self.overhead.observe(outcome.overhead_ms / 1000)
        for attempt in outcome.attempts:
            self.attempts.labels(attempt.target, attempt.status).inc()
        for kind in outcome.degradations:
            self.degradations.labels(kind).inc()
        if outcome.cache == "hit" or outcome.usage is None:
            if outcome.saved_usd:
                self.saved.labels(target).inc(max(0.0, outcome.saved_usd))
            return
        self.tokens.labels(target, "input").inc(outcome.usage.prompt_tokens)
        self.tokens.labels(target, "output").inc(outcome.usage.completion_tokens)
        if outcome.cost_usd is None:
            self.unpriced.labels(target).inc()
        else:
            self.cost.labels(target).inc(outcome.cost_usd)
            self.saved.labels(target).inc(max(0.0, outcome.saved_usd or 0.0))

    def render(self) -> bytes:
        """The text that Prometheus scrapes, over all processes that share the folder."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped upstream
            return generate_latest(registry)
        return generate_latest(self._registry)
