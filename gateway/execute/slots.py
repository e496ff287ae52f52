"""A limit on calls at once, with a bounded queue in front of it: whoever would wait too long is turned away."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.config import ConcurrencySpec


class NoSlotError(Exception):
    """No slot came free; the message says why, as the end of a sentence."""


class Slots:
    """The slots of one endpoint in this process; they go to those who wait in order of arrival."""

    __slots__ = ("_queue", "_spec", "in_use")

    def __init__(self, spec: ConcurrencySpec) -> None:
        self._spec = spec
        self.in_use = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self._queue or self.in_use >= self._spec.limit:
            return False
        self.in_use += 1
        return True

    async def wait(self, longest_s: float) -> None:
        """Take a slot once it is this one's turn, at most `longest_s` from now. Raises `NoSlotError`."""
        if len(self._queue) >= self._spec.queue:
            raise NoSlotError(
                f"already has {self.in_use} calls under way and {len(self._queue)} waiting, the most it is given"
            )
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        wait_s = min(longest_s, self._spec.wait_s)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except TimeoutError:
            self._leave(turn)
            raise NoSlotError(f"had no free slot within {wait_s:g} s") from None
        except BaseException:
            self._leave(turn)
            raise

    def give_back(self) -> None:
        """Free a slot: it passes to the first who waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_use -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        """Stop waiting. A slot that was passed on in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            self.give_back()
        elif turn in self._queue:
            self._queue.remove(turn)
