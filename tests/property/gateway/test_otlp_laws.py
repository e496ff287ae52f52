"""The direct OTLP encoder says what the SDK's own encoder says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from gateway.telemetry.otlp import encode

RESOURCE = Resource({"service.name": "pointsman", "process.pid": 42})
SCOPE = InstrumentationScope("pointsman", schema_url="https://example.org/schema")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalars = st.one_of(text, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
lists = st.one_of(*(st.lists(kind, max_size=4) for kind in (text, st.booleans(), st.floats(allow_nan=False))))
attributes = st.dictionaries(text.filter(bool), st.one_of(scalars, lists), max_size=8)


@st.composite
def contexts(draw: st.DrawFn) -> SpanContext:
    """A valid span context, here or in another process."""
    trace, span = draw(st.integers(1, 2**128 - 1)), draw(st.integers(1, 2**64 - 1))
    return SpanContext(trace, span, is_remote=draw(st.booleans()))


@st.composite
def spans(draw: st.DrawFn) -> ReadableSpan:
    """A finished span of our process."""
    return ReadableSpan(
        draw(text),
        context=draw(contexts()),
        parent=draw(st.none() | contexts()),
        resource=RESOURCE,
        attributes=draw(attributes),
        kind=draw(st.sampled_from(SpanKind)),
        status=Status(draw(st.sampled_from(StatusCode))),
        start_time=draw(st.integers(0, 2**63)),
        end_time=draw(st.integers(0, 2**63)),
        instrumentation_scope=SCOPE,
    )


@given(st.lists(spans(), min_size=1, max_size=5))
def test_the_bytes_decode_to_what_the_sdk_encodes(batch: list[ReadableSpan]) -> None:
    """Every field of every span, the resource and the scope are equal after decoding."""
    assert ExportTraceServiceRequest.FromString(encode(batch)) == encode_spans(batch)


def test_no_spans_are_no_bytes() -> None:
    """An empty request is an empty message."""
    assert encode([]) == b""
