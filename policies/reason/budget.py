"""Bounds how long is reasoned, in steps and not in seconds, so that the answer is the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass


class TooEntangledError(Exception):
    """The budget was spent before there was an answer."""


@dataclass(slots=True)
class Budget:
    """How many steps are left; one takes some microseconds."""

    left: int

    def spend(self, steps: int = 1) -> None:
        """Take steps; raises `TooEntangledError` when there are none left."""
        self.left -= steps
        if self.left < 0:
            raise TooEntangledError

    def share(self, most: int) -> Budget:
        """A budget of its own of at most `most` steps, taken from this one; what is over comes back by `refund`."""
        granted = min(most, self.left)
        self.left -= granted
        return Budget(granted)

    def refund(self, share: Budget) -> None:
        """Take back what a share did not need."""
        self.left += max(share.left, 0)
