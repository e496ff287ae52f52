"""Processes under measurement: started on one core, timed to the nanosecond, weighed, and stopped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_S = 180.0
"""How long a gateway may take to be ready; LiteLLM's proxy needs most of a minute on a slow core."""
STOP_S = 10.0


class BenchError(Exception):
    """The benchmark cannot go on; the message says what failed and shows the end of its log."""


def cores() -> tuple[int, int]:
    """The core for the gateway and the core for mock upstream and load; the same where there is only one."""
    if sys.platform != "linux":
        return 0, 0
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run this thread, and what it starts meanwhile, on `core`; no effect where the system cannot pin."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class MeasuredProcess:
    """One process and its children."""

    def __init__(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path, core: int
    ) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output, pinned(core):
            self._popen = subprocess.Popen(
                argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._process = psutil.Process(self._popen.pid)

    def wait_ready(self, url: str) -> None:
        """Return when `url` answers 2xx. Raises `BenchError` where it does not, or the process ended."""
        deadline = time.monotonic() + START_S
        while not _answers(url):
            if self._popen.poll() is not None:
                raise BenchError(f"{self.name} ended with {self._popen.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} was not ready after {START_S:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system, by the process and its living children."""
        return sum(_cpu_s(process) for process in self._family())

    def memory_mb(self) -> float:
        """Resident memory of the process and its children, in MB."""
        return float(sum(process.memory_info().rss for process in self._family()) / 1e6)

    def signal(self, number: int) -> None:
        """Send a signal to the process, not to its children."""
        self._popen.send_signal(number)

    def log_tail(self, characters: int = 2000) -> str:
        """The end of what the process wrote."""
        return self._log.read_text(errors="replace")[-characters:]

    def stop(self) -> None:
        """End the process and its children: asked first, then made to."""
        family = self._family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_S)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._popen.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _cpu_s(process: psutil.Process) -> float:
    if sys.platform == "linux":
        # The kernel's CPU clock of another process (clock_getcpuclockid(3)) counts nanoseconds, where
        # /proc counts hundredths of a second: 24 µs a request would drown in that.
        with contextlib.suppress(OSError):
            return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  our own loopback URL
            return bool(response.status // 100 == 2)
    except (urllib.error.URLError, OSError):
        return False
