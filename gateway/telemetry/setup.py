"""OpenTelemetry for the process: OTLP when its standard variables are set, and a shutdown that ends in time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, DEFAULT_ON

from gateway.telemetry.export import SdkExporter, TraceQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.sampling import Sampler

    from gateway.telemetry.export import Exporter

OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_SHUTDOWN_S = 3.0


class _Resource(Resource):
    """A resource that knows its hash: the exporter asks for it with every span, and the SDK dumps JSON each time."""

    _hash: int

    @classmethod
    def of(cls, resource: Resource) -> Self:
        found = cls(resource.attributes, resource.schema_url)
        found._hash = Resource.__hash__(resource)
        return found

    def __hash__(self) -> int:
        return self._hash


class Tracing:
    """The tracing of one process: what OpenTelemetry's own variables say about sampling, resource and export.

    Spans are made finished (see `spans.py`) and exported by the SDK's exporters.
    """

    def __init__(self, dropped: Callable[[int], object], service: str = "pointsman-gateway") -> None:
        name = os.environ.get("OTEL_SERVICE_NAME", service)
        resource = _Resource.of(Resource.create({"service.name": name}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._samples_all = self._provider.sampler in (ALWAYS_ON, DEFAULT_ON)
        self.queue: TraceQueue | None = None
        """Takes finished traces; None when nobody listens."""
        if any(os.environ.get(name) for name in OTLP_ENDPOINTS):
            self.queue = TraceQueue(_exporter(resource), dropped)

    @property
    def samples_all(self) -> bool:
        """Whether every trace that begins here is sampled, so that the sampler need not be asked."""
        return self._samples_all

    @property
    def sampler(self) -> Sampler:
        """The sampler that `OTEL_TRACES_SAMPLER` names; by default everything, or as the caller's trace says."""
        return self._provider.sampler

    @property
    def resource(self) -> Resource:
        return self._provider.resource

    def shutdown(self, deadline_s: float = _SHUTDOWN_S) -> bool:
        """Export what is left and stop; False when the deadline passed first and spans were lost."""
        return self.queue is None or self.queue.shutdown(deadline_s)


def _exporter(resource: Resource) -> Exporter:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return SdkExporter(Grpc(), resource)
    from gateway.telemetry.otlp import DirectExporter

    return DirectExporter(resource)
