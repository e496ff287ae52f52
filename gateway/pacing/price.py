"""The shadow price of a limit: what success a unit of money or time has to buy, so that the limit is just met.

Choosing for each request the target with the largest `success - price * cost` is the best that can be done with the
money such a price leaves, for the right price (Lagrange). The right price is found online: it rises while more is
taken than the limit allows and falls while less is, multiplicatively, which is dual mirror descent with entropy
(Balseiro, Lu and Mirrokni, "The best of many worlds: dual mirror descent for online allocation problems",
Operations Research 2023).
"""

from __future__ import annotations

import math

import msgspec

_MEMORY = 100.0  # requests that take nothing, or twice what is allowed, change the level by a factor of e
_LEAST, _MOST = 1e-2, 1e4
CEILING = 1e9
"""The price of what has run out: whatever costs anything is too dear, and free targets can still be told apart."""


class Price(msgspec.Struct, frozen=True):
    """`level` is the success that the amount which the limit allows a request has to buy."""

    level: float = 0.05

    def after(self, taken: float, allowed: float, requests: int) -> Price:
        """The price after `requests` that took `taken` each, where `allowed` each would just meet the limit.

        It is left alone while nothing is allowed: `charged` does what is needed, and a level that went on rising
        would take half of the next day to come down.
        """
        if requests <= 0 or allowed <= 0:
            return self
        growth = math.exp(max(-1.0, min(1.0, (taken / allowed - 1.0) * requests / _MEMORY)))
        return Price(max(_LEAST, min(_MOST, self.level * growth)))

    def charged(self, allowed: float) -> float:
        """Success that one unit has to buy now; 0 while the limit is slack, `CEILING` when nothing is allowed."""
        if allowed <= 0:
            return CEILING
        return min(CEILING, self.level / allowed) if self.level > _LEAST else 0.0
