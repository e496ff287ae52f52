"""`pointsman bench stages`: where the CPU time of a request goes, by room of the code."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from gateway.cli.bench import peers as known
from gateway.cli.bench.gateway import SCENARIOS, WARM_UP_S, failure_of, plan, start_mock
from gateway.cli.bench.load import run_load
from gateway.cli.bench.process import BenchError, MeasuredProcess, cores, pinned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from gateway.cli.bench.peers import Peer

WRITE_S = 10.0


@dataclass(frozen=True, slots=True)
class Stages:
    """CPU microseconds per request by scenario and room."""

    connections: int
    rooms_us: Mapping[str, Mapping[str, float]]


def run(
    *, connections: int = 16, seconds: float = 3.0, say: Callable[[str], None] = lambda _: None
) -> Stages:
    """Sample Pointsman in each scenario. Raises `BenchError` where it fails."""
    gateway_core, load_core = cores()
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack, pinned(load_core):
        directory = Path(made)
        upstream = start_mock(directory, stack, load_core)
        out = directory / "samples.json"
        peer = _sampled(known.pointsman(directory, upstream), out)
        log = directory / "gateway.log"
        process = MeasuredProcess(peer.name, peer.argv, env=peer.env, log=log, core=gateway_core)
        stack.callback(process.stop)
        process.wait_ready(peer.ready_url)
        found = {}
        for scenario in SCENARIOS:
            say(scenario.name)
            load = plan(peer, scenario, connections, seconds)
            run_load(replace(load, seconds=WARM_UP_S))
            process.signal(signal.SIGUSR1)
            report = run_load(load)
            process.signal(signal.SIGUSR2)
            if (failure := failure_of(report)) is not None:
                raise BenchError(f"{scenario.name}: {failure}\n{process.log_tail()}")
            sampled = _read(out)
            found[scenario.name] = {room: cpu_s / report.ok * 1e6 for room, cpu_s in sampled.items()}
    return Stages(connections, found)


def _sampled(peer: Peer, out: Path) -> Peer:
    """`peer` with the sampler in front of its command, which begins with `python -m MODULE`."""
    return replace(peer, argv=(sys.executable, "-m", "gateway.cli.bench.sampler", str(out), *peer.argv[3:]))


def _read(out: Path) -> dict[str, float]:
    deadline = time.monotonic() + WRITE_S
    while not out.exists():
        if time.monotonic() > deadline:
            raise BenchError("the sampler wrote nothing")
        time.sleep(0.02)
    sampled: dict[str, float] = json.loads(out.read_text())
    out.unlink()
    return sampled


def show(stages: Stages, console: Console) -> None:
    """Print one row a room, the dearest first, and the sums."""
    names = list(stages.rooms_us)
    rooms = sorted(
        {room for scenario in stages.rooms_us.values() for room in scenario}, key=_total(stages, names)
    )
    title = f"CPU µs per request by room ({stages.connections} connections)"
    table = Table("room", title=title, title_justify="left", show_footer=True)
    table.columns[0].footer = "all"
    for name in names:
        total = sum(stages.rooms_us[name].values())
        table.add_column(name, footer=f"{total:,.0f}", justify="right")
    for room in rooms:
        table.add_row(room, *(f"{stages.rooms_us[name].get(room, 0.0):,.0f}" for name in names))
    console.print(table)


def _total(stages: Stages, names: Sequence[str]) -> Callable[[str], float]:
    return lambda room: -sum(stages.rooms_us[name].get(room, 0.0) for name in names)
