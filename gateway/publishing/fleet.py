"""The gateway processes that are running, and which policy each of them serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

from gateway.records.processes import Unseen

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.records.processes import Processes

_LOOK_S = 0.5
_BEAT_S = 5.0


class Fleet:
    """Says every few seconds, and at once after a change, what this process serves; knows what the others said."""

    def __init__(self, processes: Processes, serving: Callable[[], str]) -> None:
        """`serving` gives the version in force."""
        self._processes = processes
        self._serving = serving
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    async def run(self) -> None:
        """Until cancelled. A database that does not answer is tried again."""
        said, said_at = "", 0.0
        while True:
            version, now = self._serving(), time.monotonic()
            if version != said or now - said_at >= _BEAT_S:
                said, said_at = version, now
                with contextlib.suppress(Unseen):
                    await self._processes.beat(self.name, version)
            await asyncio.sleep(_LOOK_S)

    async def leave(self) -> None:
        """Tell the others that this process ends."""
        with contextlib.suppress(Unseen):  # it is forgotten when it has not been heard of for a while
            await self._processes.leave(self.name)

    async def report(self) -> dict[str, object]:
        """Version by process, and whether all agree; of this process alone when the others cannot be known."""
        try:
            alive = await self._processes.alive()
        except Unseen as error:
            return {"processes": {self.name: self._serving()}, "converged": None, "unknown": str(error)}
        versions = {found.process: found.policy for found in alive} | {self.name: self._serving()}
        return {"processes": versions, "converged": len(set(versions.values())) == 1}
