"""The direct OTLP encoder says what the SDK's own encoder says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from gateway.telemetry.finished import FinishedSpan
from gateway.telemetry.otlp import encode

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

RESOURCE = Resource({"service.name": "pointsman", "process.pid": 42})

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
# 1, 1.0 and True are equal, and each has its own encoding.
alike = st.sampled_from([0, 1, 0.0, -0.0, 1.0, False, True])
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
scalars = st.one_of(alike, text, st.booleans(), numbers)
lists = st.one_of(*(st.lists(kind, max_size=4) for kind in (text, st.booleans(), st.floats(allow_nan=False))))
names = st.sampled_from(["pointsman.rule", "a"]) | text.filter(bool)
attributes = st.dictionaries(names, st.one_of(scalars, lists), max_size=8)
ids = st.integers(1, 2**64 - 1)


@st.composite
def spans(draw: st.DrawFn) -> FinishedSpan:
    """A finished span of our process."""
    parent = draw(st.none() | ids)
    return FinishedSpan(
        name=draw(text),
        trace_id=draw(st.integers(1, 2**128 - 1)),
        span_id=draw(ids),
        parent_id=parent,
        parent_is_remote=parent is not None and draw(st.booleans()),
        kind=draw(st.sampled_from(SpanKind)),
        failed=draw(st.booleans()),
        started_ns=draw(st.integers(0, 2**63)),
        ended_ns=draw(st.integers(0, 2**63)),
        attributes=draw(attributes),
    )


@given(st.lists(spans(), min_size=1, max_size=5))
def test_the_bytes_decode_to_what_the_sdk_encodes(batch: list[FinishedSpan]) -> None:
    """Every field of every span, the resource and the scope are equal after decoding."""
    expected = encode_spans([span.readable(RESOURCE) for span in batch])
    assert ExportTraceServiceRequest.FromString(encode(batch, RESOURCE)) == expected


def test_equal_values_of_other_types_keep_their_type() -> None:
    """1, 1.0 and true are equal, and what was encoded for one must not be remembered for another."""
    values: list[AttributeValue] = [1, True, 1.0, 0, False, 0.0]
    batch = [
        FinishedSpan("s", 1, 1, None, False, SpanKind.INTERNAL, False, 1, 2, {"same": value})
        for value in values
    ]
    expected = encode_spans([span.readable(RESOURCE) for span in batch])
    assert ExportTraceServiceRequest.FromString(encode(batch, RESOURCE)) == expected


def test_no_spans_are_no_bytes() -> None:
    """An empty request is an empty message."""
    assert encode([], RESOURCE) == b""
