"""The fake collector, fed by the real SDK and its OTLP exporter."""

from __future__ import annotations

import time

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.fake_collector import FakeCollector


def exporter(collector, **options):
    """The SDK's own exporter, pointed at the collector."""
    return OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces", **options)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_arrive_decoded(compression):
    """Names, parents, kinds, attributes of every type, status and times survive the wire."""
    with FakeCollector() as collector:
        provider = TracerProvider(resource=Resource({"service.name": "unit"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter(collector, compression=compression)))
        tracer = provider.get_tracer("t")
        with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
            outer.set_attributes({"s": "x", "i": 1, "f": 0.5, "b": True, "list": ["a", "b"]})
            with tracer.start_as_current_span("inner") as inner:
                inner.add_event("first_token")
                inner.set_status(Status(StatusCode.ERROR, "broke"))
        assert collector.wait_for(2)
        provider.shutdown()
        spans = {span.name: span for span in collector.spans()}
        inner, outer = spans["inner"], spans["outer"]
        assert (inner.parent_id, inner.trace_id) == (outer.span_id, outer.trace_id)
        assert (outer.parent_id, outer.kind, inner.kind) == (None, "server", "internal")
        assert outer.attributes == {"s": "x", "i": 1, "f": 0.5, "b": True, "list": ["a", "b"]}
        assert (inner.status, inner.status_message, outer.status) == ("error", "broke", "unset")
        assert inner.events == ("first_token",)
        assert outer.start_ns <= inner.start_ns <= inner.end_ns <= outer.end_ns
        assert outer.resource["service.name"] == "unit"


def test_waiting_ends_when_the_spans_do_not_come():
    """`wait_for` reports a miss instead of raising, for counts and for predicates."""
    with FakeCollector() as collector:
        assert not collector.wait_for(1, timeout_s=0.02)
        assert not collector.wait_for(lambda spans: bool(spans), timeout_s=0.02)


@pytest.mark.parametrize("mode", ["error", "black_hole"])
def test_a_failing_collector_fails_the_export(mode):
    """In `error` and `black_hole` mode the exporter gives up by its own deadline and nothing is collected."""
    with FakeCollector(mode=mode) as collector:
        provider = TracerProvider(shutdown_on_exit=False)
        span = provider.get_tracer("t").start_span("lost")
        span.end()
        sender = exporter(collector, timeout=0.3)
        started = time.monotonic()
        assert sender.export([span]) is SpanExportResult.FAILURE
        assert time.monotonic() - started < 3
        sender.shutdown()
        provider.shutdown()
        assert collector.requests
        assert collector.spans() == []
