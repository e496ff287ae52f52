"""Breaks off a stream that has stopped saying anything, though its bytes may go on trickling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class IdleLimit:
    """Time that may pass between two pieces of a stream. One timer a stream, however many pieces it has.

    Time in which the reader of the stream is busy does not count: a slow client is no fault of the target.
    """

    __slots__ = ("_broken", "_limit_s", "_loop", "_since", "_timer")

    def __init__(self, limit_s: float, broken: Callable[[], None]) -> None:
        """`broken` is called once, when `limit_s` has passed without a piece."""
        self._limit_s = limit_s
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._since: float | None = self._loop.time()
        self._timer = self._loop.call_later(limit_s, self._look)

    def pause(self) -> None:
        """A piece came and is on its way to the reader."""
        self._since = None

    def resume(self) -> None:
        """The next piece is awaited."""
        self._since = self._loop.time()

    def stop(self) -> None:
        """The stream is over."""
        self._timer.cancel()

    def _look(self) -> None:
        waited_s = 0.0 if self._since is None else self._loop.time() - self._since
        left_s = self._limit_s - waited_s
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._broken()
