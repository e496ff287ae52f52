"""A retry budget: retries may add a bounded share of calls, so that they cannot turn a failure into a storm.

A token bucket as in Finagle's `RetryBudget`: each first call pays in a share of a token, each retry takes out a whole
one. A slow trickle lets a target with few calls be asked again too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CAPACITY: Final = 10.0
_TRICKLE_PER_S: Final = 0.1


class RetryBudget:
    """The budget of one endpoint in this process. Begins full."""

    __slots__ = ("_clock", "_looked_at", "_share", "_tokens")

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`share`: retries per first call, e.g. 0.2; with 0 nothing is ever asked again."""
        self._share = share
        self._clock = clock
        self._tokens = _CAPACITY if share else 0.0
        self._looked_at = clock()

    def deposit(self) -> None:
        """A first call was made."""
        self._tokens = min(_CAPACITY, self._tokens + self._share)

    def withdraw(self) -> bool:
        """Take out what one retry costs; False when there is not enough."""
        if not self._share:
            return False
        now = self._clock()
        self._tokens = min(_CAPACITY, self._tokens + (now - self._looked_at) * _TRICKLE_PER_S)
        self._looked_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
