"""A small supervisor: starts processes, restarts those that die with back-off, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger("pointsman.supervisor")

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_STABLE_S = 30.0
"""A process that lived this long starts over with the first delay."""
EXIT_FINDINGS = 2


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    pass_fds: Sequence[int] = field(default=())
    stop_last: bool = False
    """Stopped after the others, because they still need it while they drain."""


class Supervisor:
    """Keeps children alive until told to stop."""

    def __init__(self, children: Sequence[Child], grace_s: float) -> None:
        self._children = children
        self._grace_s = grace_s
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self.exit_code = 0

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a child says that its configuration is wrong; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        await self._stopping.wait()
        await self._stop()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        return self.exit_code

    async def _keep(self, child: Child) -> None:
        delay = _FIRST_DELAY_S
        while not self._stopping.is_set():
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *child.argv, env=dict(child.env), pass_fds=tuple(child.pass_fds), start_new_session=True
            )
            self._processes[child.name] = process
            code = await process.wait()
            if self._stopping.is_set():
                return
            if code == EXIT_FINDINGS:  # it has printed what to mend; starting again would only repeat it
                self.exit_code = code
                self._stopping.set()
                return
            delay = _FIRST_DELAY_S if time.monotonic() - started > _STABLE_S else delay
            log.error("%s ended with %s; starting it again in %.1f s", child.name, _words(code), delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(delay * 2, _LONGEST_DELAY_S)

    async def _stop(self) -> None:
        """SIGTERM to all but the last, then to the last; SIGKILL to what is left after the grace period."""
        deadline = time.monotonic() + self._grace_s
        for last in (False, True):
            group = [self._processes.get(c.name) for c in self._children if c.stop_last is last]
            alive = [process for process in group if process is not None and process.returncode is None]
            for process in alive:
                process.terminate()
            for process in alive:
                try:
                    await asyncio.wait_for(process.wait(), max(0.1, deadline - time.monotonic()))
                except TimeoutError:
                    log.error("process %d did not stop in time and is killed", process.pid)
                    process.kill()
                    await process.wait()


def _words(code: int) -> str:
    """An exit code in words; negative ones are signals."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
