"""The benchmark measures real processes; here the mock upstream plays the gateway too."""

from __future__ import annotations

import json
import sys
import time

import pytest
from rich.console import Console

from gateway.cli.bench import gateway as measurement
from gateway.cli.bench import peers, report
from gateway.cli.bench.process import BenchError, MeasuredProcess, cores
from tests.loopback import wait_until


def as_gateway(name, **options):
    """A peer that answers everything itself, as a gateway whose cache always hits would."""
    port = peers.free_port()
    return peers.Peer(
        name=name,
        argv=(sys.executable, "-m", "gateway.cli.bench.mock_upstream", "--port", str(port)),
        url=f"http://127.0.0.1:{port}/v1/chat/completions",
        ready_url=f"http://127.0.0.1:{port}/v1/models",
        **options,
    )


@pytest.fixture(scope="module")
def found():
    """One short round over two peers."""
    return measurement.measure(
        lambda *_: [as_gateway("subject"), as_gateway("proxy", caches=False)],
        rounds=1,
        seconds=0.1,
        connections=(2,),
    )


def test_a_cache_hit_gets_its_figures(found):
    """CPU time, latency, rate and memory of the subject are positive and plausible."""
    cell = next(c for c in found.cells if c.scenario == "cache hit")
    assert cell.failure is None
    assert 1 < cell.cpu_us < 10_000
    assert cell.p50_ms > 0
    assert cell.requests_per_s > 0
    assert all(memory.idle_mb > 5 for memory in found.memory)


def test_answers_from_the_wrong_place_are_a_failure(found):
    """A "routed" request that never reached the upstream yields no figure but a reason."""
    routed = [c for c in found.cells if c.scenario != "cache hit"]
    assert len(routed) == 4
    assert all(c.cpu_us is None and "forwarded" in c.failure for c in routed)


def test_only_peers_with_a_cache_run_the_cache_scenario(found):
    """A plain proxy is left out of the cache scenario."""
    assert [c.peer for c in found.cells if c.scenario == "cache hit"] == ["subject"]


def test_medians_are_taken_over_rounds_and_failures_win():
    """The median of three rounds is the middle one; one failed round spoils the cell."""
    cells = [measurement.Cell("p", "s", 1, cpu, 1.0, 0.5, 10.0) for cpu in (30.0, 10.0, 20.0)]
    assert measurement.median_cell(cells).cpu_us == 20.0
    broken = measurement.Cell("p", "s", 1, None, None, None, None, "429")
    assert measurement.median_cell([*cells, broken]) is broken


def test_ratios_and_tables_name_the_peer():
    """The subject's CPU time is divided by each peer's, in tables and in JSON."""
    cells = [
        measurement.Cell(name, "routed", 16, cpu, 1.0, 0.5, 10.0) for name, cpu in (("us", 50), ("them", 500))
    ]
    made = measurement.Report({"us": "1.2.3"}, 1, 1.0, tuple(cells), (measurement.Memory("us", 80.0, 90.0),))
    assert list(report.ratios(made, "us")) == [("routed", 16, "them", 0.1)]
    assert json.loads(json.dumps(report.as_json(made, "us")))["ratios"][0]["cpu_ratio"] == 0.1
    console = Console(width=120)
    with console.capture() as printed:
        report.show(made, "us", console)
    assert "0.100" in printed.get()
    assert "us 1.2.3" in printed.get()


def test_a_gateway_that_dies_says_why(tmp_path):
    """The end of its log is in the message."""
    argv = [sys.executable, "-c", "raise SystemExit('no such policy')"]
    process = MeasuredProcess("broken", argv, env={}, log=tmp_path / "log", core=cores()[0])
    with pytest.raises(BenchError, match="no such policy"):
        process.wait_ready("http://127.0.0.1:9/")
    process.stop()


def test_cpu_time_of_another_process_is_seen(tmp_path):
    """A process that spins uses CPU time, one that sleeps uses none."""
    spin = "import time\nwhile time.process_time() < 0.2: pass\ntime.sleep(60)"
    process = MeasuredProcess(
        "spin", [sys.executable, "-c", spin], env={}, log=tmp_path / "log", core=cores()[0]
    )
    try:
        assert wait_until(lambda: process.cpu_s() >= 0.2, timeout_s=30)
        time.sleep(0.05)
        before = process.cpu_s()
        time.sleep(0.1)
        assert 0.2 <= before < 1.0
        assert process.cpu_s() - before < 0.02
    finally:
        process.stop()
    assert process.cpu_s() == 0
