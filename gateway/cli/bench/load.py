"""A closed-loop HTTP load generator: each connection sends its next request when its answer is complete.

`python -m gateway.cli.bench.load --url URL --connections 16 --requests 4000` prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvloop

from gateway.cli.bench.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DRAIN_S = 60.0
"""How long answers under way may take after the last request was sent."""
LONGEST_S = 600.0
"""How long a run that ends by its number of requests may take."""
MAX_ERRORS = 200
"""A run with this many broken connections ends: the server is gone."""


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and when to stop: after `requests` or after `seconds`, whichever comes first."""

    url: str
    body: bytes
    connections: int = 16
    requests: int | None = None
    seconds: float | None = None
    stream: bool = False
    unique: bool = False
    """Begin the last message with a number never used before, so that no answer can come from a cache."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a latency, in milliseconds."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What came back. `ok` counts complete 2xx answers, streams only with their `[DONE]`."""

    ok: int
    non_2xx: int
    errors: int
    """Connections that broke or answers that ended early."""
    elapsed_s: float
    requests_per_s: float
    latency_ms: Percentiles | None
    first_event_ms: Percentiles | None
    events_per_request: float
    sample_failure: str | None


def default_body() -> bytes:
    """The shipped chat request of about 1.4 KB."""
    return files("gateway.cli.bench").joinpath("body.json").read_bytes()


def percentiles(seconds: list[float]) -> Percentiles | None:
    """Nearest-rank percentiles in milliseconds; None of nothing."""
    if not seconds:
        return None
    ranked = sorted(seconds)
    return Percentiles(*(round(ranked[int((len(ranked) - 1) * q)] * 1e3, 4) for q in (0.5, 0.9, 0.99)))


def requests_of(load: Load) -> Iterator[bytes]:
    """The bytes of each request in turn, without end."""
    target = urlsplit(load.url)
    payload = json.loads(load.body)
    payload["stream"] = load.stream
    marker = "unique-marker-" + "0" * 20
    if load.unique:
        payload["messages"][-1]["content"] = f"[{marker}] " + payload["messages"][-1]["content"]
    body = json.dumps(payload).encode()
    lines = [
        f"POST {target.path or '/'} HTTP/1.1",
        f"host: {target.netloc}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in load.headers.items()),
    ]
    before, _, after = ("\r\n".join([*lines, "", ""]).encode() + body).partition(marker.encode())
    if not load.unique:
        while True:
            yield before
    # Twenty digits, as many as the marker has: the length of the body stays what the head says.
    number = time.time_ns()
    while True:
        yield b"%bunique-marker-%020d%b" % (before, number, after)
        number += 1


class Run:
    """What all connections of one run share."""

    def __init__(self, load: Load) -> None:
        self._requests = requests_of(load)
        self._left = load.requests
        self._ends_at = None if load.seconds is None else time.perf_counter() + load.seconds
        self.latencies: list[float] = []
        self.first_events: list[float] = []
        self.events = self.non_2xx = self.errors = 0
        self.sample_failure: str | None = None

    @property
    def over(self) -> bool:
        """No further request is to be sent."""
        late = self._ends_at is not None and time.perf_counter() >= self._ends_at
        return late or self._left == 0 or self.errors >= MAX_ERRORS

    def next(self) -> bytes | None:
        """The next request, or None when the run is over."""
        if self.over:
            return None
        if self._left is not None:
            self._left -= 1
        return next(self._requests)

    def answered(self, status: int, body: bytes, *, latency_s: float, first_byte_s: float | None) -> None:
        """Count one answer that arrived whole."""
        streamed = body.startswith(b"data:")
        if status // 100 != 2:
            self.non_2xx += 1
            self.sample_failure = self.sample_failure or f"{status} {body[:300].decode(errors='replace')}"
        elif streamed and not body.rstrip().endswith(b"data: [DONE]"):
            self.broke(f"a stream without [DONE], ending in {body[-300:].decode(errors='replace')}")
        else:
            self.latencies.append(latency_s)
            if streamed and first_byte_s is not None:
                self.events += body.count(b"data:") - 1
                self.first_events.append(first_byte_s)

    def broke(self, why: str) -> None:
        """Count one broken request."""
        self.errors += 1
        self.sample_failure = self.sample_failure or why

    def report(self, elapsed_s: float) -> LoadReport:
        """Sum the run up."""
        ok = len(self.latencies)
        return LoadReport(
            ok=ok,
            non_2xx=self.non_2xx,
            errors=self.errors,
            elapsed_s=round(elapsed_s, 4),
            requests_per_s=round(ok / elapsed_s, 1),
            latency_ms=percentiles(self.latencies),
            first_event_ms=percentiles(self.first_events),
            events_per_request=round(self.events / ok, 2) if ok else 0.0,
            sample_failure=self.sample_failure,
        )


async def _keep_connected(run: Run, host: str, port: int) -> None:
    """Hold one connection open, and open it again where the server closed it, while the run lasts."""
    loop = asyncio.get_running_loop()
    while not run.over:
        try:
            _, connection = await loop.create_connection(lambda: Connection(run), host, port)
        except OSError as refused:
            run.broke(f"no connection: {refused}")
        else:
            await connection.closed


async def drive(load: Load) -> LoadReport:
    """Run `load` in this event loop. Raises `TimeoutError` where the server stops answering."""
    if load.requests is None and load.seconds is None:
        raise ValueError("a load needs `requests` or `seconds` to end")
    target = urlsplit(load.url)
    run = Run(load)
    started = time.perf_counter()
    async with asyncio.timeout((load.seconds or LONGEST_S) + DRAIN_S), asyncio.TaskGroup() as group:
        for _ in range(load.connections):
            group.create_task(_keep_connected(run, target.hostname or "", target.port or 80))
    return run.report(time.perf_counter() - started)


def run_load(load: Load) -> LoadReport:
    """Run `load` in an event loop of its own."""
    return uvloop.run(drive(load))


def main() -> None:
    """Read the command line, run, print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="the chat completions URL, `http` only")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--requests", type=int, help="stop after so many (default 1000 unless --seconds)")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--body", type=Path, help="a chat request as JSON (default: the shipped one)")
    parser.add_argument("--stream", action="store_true", help="ask for streamed answers")
    parser.add_argument("--unique", action="store_true", help="vary the prompt, so that no cache can answer")
    parser.add_argument("--header", action="append", default=[], metavar="K:V")
    options = parser.parse_args()
    load = Load(
        url=options.url,
        body=options.body.read_bytes() if options.body else default_body(),
        connections=options.connections,
        requests=options.requests or (None if options.seconds else 1000),
        seconds=options.seconds,
        stream=options.stream,
        unique=options.unique,
        headers={k.strip(): v.strip() for k, _, v in (header.partition(":") for header in options.header)},
    )
    print(json.dumps(asdict(run_load(load))))


if __name__ == "__main__":
    main()
