"""Receives OTLP traces over HTTP with protobuf, as an OpenTelemetry collector does."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.loopback import LoopbackServer, RecordedRequest, until, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from tests.loopback import Exchange

Mode = Literal["normal", "black_hole", "error"]
"""`black_hole` accepts and never answers; `error` answers 503. Neither collects."""


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One received span; ids in lower-case hex, times in nanoseconds since the epoch."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    """`internal`, `server`, `client`, `producer` or `consumer`."""
    attributes: dict[str, Any]
    status: str
    """`unset`, `ok` or `error`."""
    status_message: str
    start_ns: int
    end_ns: int
    events: tuple[str, ...]
    resource: dict[str, Any]


class FakeCollector:
    """Collects spans sent to `endpoint` (for `OTEL_EXPORTER_OTLP_ENDPOINT`) while `mode` is normal.

    Use it as a context manager, plain or async. `mode` may be changed while it runs.
    """

    def __init__(self, *, mode: Mode = "normal") -> None:
        self.mode: Mode = mode
        self._server = LoopbackServer(self._handle)
        self._spans: list[CollectedSpan] = []

    @property
    def endpoint(self) -> str:
        """The base URL; exporters add `/v1/traces`."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every export request so far, in any mode."""
        return self._server.requests

    def spans(self) -> list[CollectedSpan]:
        """All spans so far, in order of arrival (children before parents)."""
        return list(self._spans)

    def wait_for(self, wanted: int | Callable[[list[CollectedSpan]], bool], timeout_s: float = 5.0) -> bool:
        """Block until `wanted` spans arrived or the predicate holds; returns whether it did in time."""
        return wait_until(lambda: self._has(wanted), timeout_s)

    async def until(
        self, wanted: int | Callable[[list[CollectedSpan]], bool], timeout_s: float = 5.0
    ) -> bool:
        """`wait_for` for a test whose own event loop must go on running."""
        return await until(lambda: self._has(wanted), timeout_s)

    def start(self) -> Self:
        """Listen; `with` does this."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Drop all clients and close the socket; `with` does this."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def _has(self, wanted: int | Callable[[list[CollectedSpan]], bool]) -> bool:
        spans = self.spans()
        return len(spans) >= wanted if isinstance(wanted, int) else wanted(spans)

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if self.mode == "black_hole":
            await asyncio.Event().wait()
        if self.mode == "error":
            await exchange.send(503, b"", content_type="application/x-protobuf")
            return
        if request.path == "/v1/traces":
            compressed = request.headers.get("content-encoding") == "gzip"
            self._spans.extend(decode(gzip.decompress(request.body) if compressed else request.body))
        # An empty message is a full success in OTLP, for traces, metrics and logs alike.
        await exchange.send(200, b"", content_type="application/x-protobuf")


def decode(body: bytes) -> Iterator[CollectedSpan]:
    """The spans of one `ExportTraceServiceRequest`."""
    for block in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(block.resource.attributes)
        for scope in block.scope_spans:
            for span in scope.spans:
                yield _collected(span, resource)


def _collected(span: Span, resource: dict[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=_attributes(span.attributes),
        status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
        status_message=span.status.message,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        events=tuple(event.name for event in span.events),
        resource=resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None
