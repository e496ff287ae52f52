"""Hands finished traces to an exporter, on a thread of its own, in batches, from a bounded queue.

The SDK's batch processor takes a lock for each span and writes a log line for each one that it drops, on the thread
that serves requests: overload would make every request dearer. Here a trace is one append, and a drop is a count.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

    from gateway.telemetry.finished import FinishedSpan

log = logging.getLogger("pointsman.traces")
_BATCH_SPANS = 2048
"""About 1 MB a request to the collector. The SDK's 512 costs a busy gateway four times as many."""


class Exporter(Protocol):
    """Sends finished spans to where traces are kept."""

    def export(self, spans: Sequence[FinishedSpan]) -> bool:
        """Whether they arrived. May raise."""
        ...

    def shutdown(self) -> None:
        """Release connections."""
        ...


class SdkExporter:
    """Sends spans by any exporter of the OpenTelemetry SDK."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self._exporter = exporter
        self._resource = resource

    def export(self, spans: Sequence[FinishedSpan]) -> bool:
        readable = [span.readable(self._resource) for span in spans]
        return self._exporter.export(readable) is SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._exporter.shutdown()


class TraceQueue:
    """A queue of traces and the thread that exports them. Sizes come from the standard `OTEL_BSP_*` variables."""

    def __init__(self, exporter: Exporter, dropped: Callable[[int], object]) -> None:
        """`dropped` hears how many spans were lost because the collector was too slow or away."""
        self._dropped = dropped
        self._exporter = exporter
        self._delay_s = _number("OTEL_BSP_SCHEDULE_DELAY", 1000) / 1000
        self._batch_spans = int(_number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH_SPANS))
        self._max_traces = int(_number("OTEL_BSP_MAX_QUEUE_SIZE", 4096))
        self._traces: deque[Sequence[FinishedSpan]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def add(self, spans: Sequence[FinishedSpan]) -> None:
        """Export the spans of a finished trace soon; never waits and never raises."""
        if len(self._traces) < self._max_traces:
            self._traces.append(spans)
        else:
            self._dropped(len(spans))

    def shutdown(self, deadline_s: float) -> bool:
        """Export what is left and stop; False when the deadline passed first, and what was left is lost.

        The SDK would wait 30 s for a collector that is gone: exactly the default grace period of a Kubernetes pod.
        """
        self._stopping.set()
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.wait(self._delay_s):
            self._drain()
        self._drain()
        self._exporter.shutdown()

    def _drain(self) -> None:
        while self._traces:
            batch: list[FinishedSpan] = []
            while self._traces and len(batch) < self._batch_spans:
                batch += self._traces.popleft()
            self._export(batch)

    def _export(self, batch: list[FinishedSpan]) -> None:
        try:
            arrived = self._exporter.export(batch)
        except Exception:  # the thread must outlive whatever an exporter raises
            log.exception("exporting %d spans failed", len(batch))
            self._dropped(len(batch))
            return
        if not arrived:
            self._dropped(len(batch))


def _number(variable: str, default: float) -> float:
    try:
        return max(1.0, float(os.environ.get(variable, default)))
    except ValueError:
        log.warning("%s is not a number; %g is used", variable, default)
        return default
