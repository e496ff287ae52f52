"""Tracing starts and ends with the process."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gateway.telemetry.setup import OTLP_ENDPOINTS, Tracing
from gateway.telemetry.spans import Spans
from gateway.types import Outcome
from tests.architecture.tree import ROOT
from tests.processes import clean_environ
from tests.unit.gateway.build import call

if TYPE_CHECKING:
    from tests.fake_collector import FakeCollector


def one_trace(tracing):
    trace = Spans(tracing).begin(call())
    trace.end(Outcome(call(), "ok", "off"), time.time_ns())
    return trace.trace_id


@pytest.fixture
def exporting(collector: FakeCollector, monkeypatch: pytest.MonkeyPatch) -> FakeCollector:
    """The standard variables, which the exporter itself reads, point to a collector."""
    monkeypatch.setenv(OTLP_ENDPOINTS[1], collector.endpoint)
    return collector


def test_shutdown_exports_what_is_left(exporting):
    """The last request before a stop is not lost."""
    tracing = Tracing(print)
    trace_id = one_trace(tracing)
    assert tracing.shutdown()
    assert [span.trace_id for span in exporting.spans()] == [trace_id]


STOPPING = """
import sys
import time
from gateway.telemetry.setup import Tracing
from tests.unit.gateway.telemetry.test_setup import one_trace
tracing = Tracing(print)
one_trace(tracing)
started = time.monotonic()
assert not tracing.shutdown(deadline_s=0.3)
assert time.monotonic() - started < 1.5
"""


def test_shutdown_ends_in_time_without_a_collector_that_answers(collector):
    """A collector that accepts and never answers costs seconds, not the grace period of the process.

    In a process of its own, whose end the exporter's thread must not hold up either.
    """
    collector.mode = "black_hole"
    environ = clean_environ(**{OTLP_ENDPOINTS[1]: collector.endpoint})
    done = subprocess.run([sys.executable, "-c", STOPPING], env=environ, timeout=10, check=False, cwd=ROOT)
    assert done.returncode == 0


def test_without_a_collector_there_are_ids_and_no_export():
    """Response headers and records name a trace either way."""
    tracing = Tracing(print)
    assert tracing.queue is None
    assert len(one_trace(tracing)) == 32
    assert tracing.shutdown()
