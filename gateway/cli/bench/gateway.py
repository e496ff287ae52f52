"""`pointsman bench gateway`: CPU time per request and added latency, beside named peers in the same run.

The gateway under test has one core to itself; mock upstream and load generator share another. CPU time of the
gateway process is the figure to trust: latencies move with the neighbours of a shared machine.
"""

from __future__ import annotations

import contextlib
import json
import platform
import statistics
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.bench import peers as known
from gateway.cli.bench.load import Load, LoadReport, default_body, run_load
from gateway.cli.bench.process import BenchError, MeasuredProcess, cores, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.cli.bench.peers import Peer

WARM_UP_S = 0.4


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request."""

    name: str
    stream: bool
    unique: bool
    """Every prompt is new, so the request is routed; else all are the same and the cache answers."""


SCENARIOS = (
    Scenario("cache hit", stream=False, unique=False),
    Scenario("routed, whole", stream=False, unique=True),
    Scenario("routed, streamed", stream=True, unique=True),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One gateway in one scenario at one number of connections; medians over the rounds.

    A gateway that failed requests has no figures, and `failure` says how it failed.
    """

    peer: str
    scenario: str
    connections: int
    cpu_us: float | None
    """CPU microseconds of the gateway per request."""
    p50_ms: float | None
    added_p50_ms: float | None
    """Median latency above that of going directly to the mock upstream."""
    requests_per_s: float | None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of one gateway in MB, ready and after all its load."""

    peer: str
    idle_mb: float
    after_mb: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run found."""

    versions: Mapping[str, str]
    """Of each gateway, and of Python."""
    rounds: int
    seconds: float
    cells: tuple[Cell, ...]
    memory: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """A running set of gateways and what to measure on them."""

    upstream: str
    running: tuple[tuple[Peer, MeasuredProcess], ...]
    connections: Sequence[int]
    seconds: float
    say: Callable[[str], None]

    def round(self) -> Iterator[Cell]:
        """Measure every gateway once in every scenario, with the direct way as the zero line."""
        for scenario in SCENARIOS:
            for connections in self.connections:
                direct = self._direct(scenario, connections)
                if (failure := failure_of(direct)) is not None or direct.latency_ms is None:
                    raise BenchError(f"the mock upstream failed: {failure}")
                for peer, process in self.running:
                    if peer.caches or scenario.unique:
                        self.say(f"{peer.name}: {scenario.name}, {connections} connections")
                        yield self._measure(peer, process, scenario, connections, direct.latency_ms.p50)

    def _measure(
        self, peer: Peer, process: MeasuredProcess, scenario: Scenario, connections: int, direct_p50_ms: float
    ) -> Cell:
        load = plan(peer, scenario, connections, self.seconds)
        run_load(replace(load, seconds=WARM_UP_S))
        forwarded, before = self._completions(), process.cpu_s()
        report = run_load(load)
        used_s, forwarded = process.cpu_s() - before, self._completions() - forwarded
        failure = failure_of(report) or misplaced(scenario, report.ok, forwarded)
        if failure is not None or report.latency_ms is None:
            said = f"{failure}\n{process.log_tail(400)}"
            return Cell(peer.name, scenario.name, connections, None, None, None, None, said)
        p50 = report.latency_ms.p50
        return Cell(
            peer=peer.name,
            scenario=scenario.name,
            connections=connections,
            cpu_us=used_s / report.ok * 1e6,
            p50_ms=p50,
            added_p50_ms=p50 - direct_p50_ms,
            requests_per_s=report.requests_per_s,
        )

    def _direct(self, scenario: Scenario, connections: int) -> LoadReport:
        url = f"{self.upstream}/v1/chat/completions"
        load = plan(known.Peer("direct", (), url, url), scenario, connections, min(self.seconds, 1.0))
        run_load(replace(load, seconds=WARM_UP_S / 2))
        return run_load(load)

    def _completions(self) -> int:
        """How many completions the mock upstream was asked for so far."""
        with urllib.request.urlopen(f"{self.upstream}/count") as answer:  # noqa: S310  our own loopback URL
            return int(json.load(answer)["completions"])


def plan(peer: Peer, scenario: Scenario, connections: int, seconds: float) -> Load:
    """The load that puts `scenario` on `peer`."""
    return Load(
        url=peer.url,
        body=json.dumps({**json.loads(default_body()), "model": peer.model}).encode(),
        connections=connections,
        seconds=seconds,
        stream=scenario.stream,
        unique=scenario.unique,
        headers=peer.headers,
    )


def failure_of(report: LoadReport) -> str | None:
    """What went wrong under load, or None."""
    if report.ok and not report.non_2xx and not report.errors:
        return None
    return f"{report.non_2xx} refused, {report.errors} broken, {report.ok} good: {report.sample_failure}"


def misplaced(scenario: Scenario, answered: int, forwarded: int) -> str | None:
    """Whether answers came from where the scenario says: the upstream when prompts are new, else the cache."""
    if scenario.unique and forwarded < answered:
        return f"only {forwarded} of {answered} requests were forwarded to the upstream"
    if not scenario.unique and forwarded:
        return (
            f"{forwarded} of {answered} requests were forwarded to the upstream instead of hitting the cache"
        )
    return None


def median_cell(cells: Sequence[Cell]) -> Cell:
    """The medians over rounds of one cell; a failure in any round is the cell's failure."""
    failed = next((cell for cell in cells if cell.failure is not None), None)
    if failed is not None:
        return failed

    def median(of: Callable[[Cell], float | None]) -> float:
        return round(statistics.median(value for cell in cells if (value := of(cell)) is not None), 4)

    return replace(
        cells[0],
        cpu_us=median(lambda c: c.cpu_us),
        p50_ms=median(lambda c: c.p50_ms),
        added_p50_ms=median(lambda c: c.added_p50_ms),
        requests_per_s=median(lambda c: c.requests_per_s),
    )


def measure(
    make_peers: Callable[[Path, str], Sequence[Peer]],
    *,
    rounds: int = 3,
    seconds: float = 2.0,
    connections: Sequence[int] = (1, 16, 64),
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Start the mock upstream and the gateways that `make_peers(directory, upstream origin)` names, measure, stop.

    Raises `BenchError` where one of them does not start.
    """
    gateway_core, load_core = cores()
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack, pinned(load_core):
        directory = Path(made)
        upstream = start_mock(directory, stack, load_core)
        running: list[tuple[Peer, MeasuredProcess]] = []
        for peer in make_peers(directory, upstream):
            say(f"starting {peer.name}")
            log = directory / f"{peer.name}.log"
            process = MeasuredProcess(peer.name, peer.argv, env=peer.env, log=log, core=gateway_core)
            stack.callback(process.stop)
            process.wait_ready(peer.ready_url)
            running.append((peer, process))
        idle = [process.memory_mb() for _, process in running]
        bench = Bench(upstream, tuple(running), connections, seconds, say)
        found = [list(bench.round()) for _ in range(rounds)]
        memory = [
            Memory(peer.name, round(before, 1), round(process.memory_mb(), 1))
            for (peer, process), before in zip(running, idle, strict=True)
        ]
    cells = tuple(median_cell(same) for same in zip(*found, strict=True))
    versions = {peer.name: peer.version for peer, _ in running} | {"Python": platform.python_version()}
    return Report(versions, rounds, seconds, cells, tuple(memory))


def start_mock(directory: Path, stack: contextlib.ExitStack, core: int) -> str:
    """Start the mock upstream, stopped with `stack`; returns its origin."""
    port = known.free_port()
    argv = (sys.executable, "-m", "gateway.cli.bench.mock_upstream", "--port", str(port))
    log = directory / "mock.log"
    mock = MeasuredProcess("the mock upstream", argv, env={}, log=log, core=core)
    stack.callback(mock.stop)
    origin = f"http://127.0.0.1:{port}"
    mock.wait_ready(f"{origin}/v1/models")
    return origin


def run(
    *, litellm: Path | None = None, rounds: int = 3, seconds: float = 2.0, say: Callable[[str], None]
) -> Report:
    """Measure Pointsman, nginx where it is installed, and LiteLLM where `litellm` names its environment."""

    def make_peers(directory: Path, upstream: str) -> list[Peer]:
        chosen = [known.pointsman(directory, upstream), known.nginx(directory, upstream)]
        if litellm is not None:
            chosen.append(known.litellm(directory, upstream, environment=litellm))
        return [peer for peer in chosen if peer is not None]

    return measure(make_peers, rounds=rounds, seconds=seconds, say=say)
