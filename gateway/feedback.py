"""What running tells deciding: how fast targets are, what money and time are worth, which experiments are over."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.types import Attempt

_KEPT = 256
_LEAST = 20
"""Fewer measurements than this give no 95th percentile worth acting on."""
_EVERY = 16
"""Measurements between two sorts."""


class Control(Struct, frozen=True):
    """What a controller outside of the request path has found out last; swapped whole."""

    shadow_usd: float = 0.0
    """Probability of success that one USD must buy."""
    shadow_s: float = 0.0
    """Probability of success that one second must buy."""
    ended: frozenset[str] = frozenset()
    """Experiments that concern no request any more."""


class Feedback:
    """Read once a request by `decide`, written by whoever measures. Lives as long as the process, across policies."""

    def __init__(self) -> None:
        self.control = Control()
        self._first_ms: dict[str, deque[float]] = {}
        self._p95_ms: dict[str, float] = {}
        self._since: dict[str, int] = {}

    @property
    def latency_p95_ms(self) -> Mapping[str, float]:
        """Target -> 95th percentile of the time to its first piece over its last 256 answers; absent below 20."""
        return self._p95_ms

    def observe(self, attempts: Iterable[Attempt]) -> None:
        """Take in how long the targets took that answered."""
        for attempt in attempts:
            if attempt.first_ms is not None:
                self._take(attempt.target, attempt.first_ms)

    def _take(self, target: str, first_ms: float) -> None:
        kept = self._first_ms.setdefault(target, deque(maxlen=_KEPT))
        kept.append(first_ms)
        since = self._since.get(target, _EVERY) + 1
        if len(kept) < _LEAST or since < _EVERY:
            self._since[target] = since
            return
        self._since[target] = 0
        self._p95_ms[target] = sorted(kept)[int(0.95 * (len(kept) - 1))]
