"""OpenTelemetry for the process: OTLP when its standard variables are set, and a shutdown that ends in time."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from gateway.telemetry.names import SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# The SDK waits 30 s for a collector that is gone: exactly the default grace period of a Kubernetes pod.
_SHUTDOWN_S = 3.0


class Tracing:
    """The tracer provider of one process. Spans are always made, so ids exist; they are exported if anyone listens."""

    def __init__(self, environ: Mapping[str, str] = os.environ, service: str = "pointsman-gateway") -> None:
        resource = Resource.create({"service.name": environ.get("OTEL_SERVICE_NAME", service)})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.exporting = any(environ.get(name) for name in OTLP_ENDPOINTS)
        if self.exporting:
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            self._provider.add_span_processor(BatchSpanProcessor(_exporter(environ)))

    def tracer(self) -> Tracer:
        """The tracer of the gateway's own spans."""
        return self._provider.get_tracer("pointsman", schema_url=SCHEMA_URL)

    def shutdown(self, deadline_s: float = _SHUTDOWN_S) -> bool:
        """Export what is left and stop; False when the deadline passed first and spans were dropped."""
        stopping = threading.Thread(target=self._provider.shutdown, name="otel-shutdown", daemon=True)
        stopping.start()
        stopping.join(deadline_s)
        return not stopping.is_alive()


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http()
