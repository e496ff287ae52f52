"""Runs `pointsman` and samples where its main thread spends CPU time.

`python -m gateway.cli.bench.sampler OUT gateway --port 8080` starts counting anew at each SIGUSR1 and writes
what it counted to OUT at each SIGUSR2: CPU seconds by room of the code, as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

INTERVAL_S = 0.001  # of CPU time; the kernel rounds it up to its own tick, often 4 ms
OTHER_THREADS = "other threads"
_NO_ROOM = sys.stdlib_module_names | {"__main__", "gateway", "typer", "click"}


def room_of(frame: FrameType | None) -> str:
    """The innermost own module on the stack, to two levels; without one the innermost foreign package.

    Time in a library is counted to the room that called it. Commands are no room: they hold every stack.
    """
    foreign = None
    while frame is not None:
        package, *rest = str(frame.f_globals.get("__name__", "")).split(".")
        if package == "gateway" and rest[:1] != ["cli"]:
            return ".".join([package, *rest[:1]])
        if package in ("routers", "policies"):
            return package
        if foreign is None and package not in _NO_ROOM:
            foreign = package
        frame = frame.f_back
    return foreign or "python"


class Sampler:
    """Counts CPU seconds by room.

    A sample weighs the CPU time of the main thread since the sample before, so that the weights add up to it
    exactly, however coarse the kernel's timer is.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._seconds: dict[str, float] = {}
        self._process_s = self._thread_s = 0.0

    def install(self) -> None:
        """Listen for the signals. Main thread only."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._begin)
        signal.signal(signal.SIGUSR2, self._write)

    def _begin(self, _: int, __: FrameType | None) -> None:
        self._seconds.clear()
        self._process_s, self._thread_s = time.process_time(), time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        room = room_of(frame)
        self._seconds[room] = self._seconds.get(room, 0.0) + now - self._thread_s
        self._thread_s = now

    def _write(self, _: int, __: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        main_s = sum(self._seconds.values())
        others_s = max(0.0, time.process_time() - self._process_s - main_s)
        written = self._out.with_suffix(".part")
        written.write_text(json.dumps({**self._seconds, OTHER_THREADS: others_s}))
        written.replace(self._out)  # a reader that polls sees a whole file or none


def main() -> None:
    """Install the sampler and hand the rest of the command line to `pointsman`."""
    from gateway.cli.main import app

    Sampler(Path(sys.argv[1])).install()
    app(sys.argv[2:])


if __name__ == "__main__":
    main()
