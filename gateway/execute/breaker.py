"""A circuit breaker: stops calling what fails, and finds out with single calls when it is well again.

Closed, calls pass and are counted over a sliding window. Open, none passes. Half-open, one call at a time passes, a
probe; so many good ones close the circuit, a bad one opens it for twice as long.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.config import BreakerSpec

State = Literal["closed", "open", "half-open"]
Result = Literal["ok", "failed", "timeout"]
_BUCKETS: Final = 10
_JITTER: Final = 0.1
_BUSY_PROBE_S: Final = 1.0
"""How soon it is worth asking again while somebody else's probe is under way."""


class Breaker:
    """The breaker of one endpoint in this process. Nothing here waits."""

    __slots__ = (
        "_changed", "_clock", "_counts", "_good_probes", "_openings", "_probing", "_spec", "_timeouts", "_until",
        "_width_s", "state",
    )  # fmt: skip

    def __init__(
        self,
        spec: BreakerSpec,
        changed: Callable[[State, str], None] = lambda _state, _why: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changed` hears of every change of state, and why."""
        self._spec = spec
        self._changed = changed
        self._clock = clock
        self.state: State = "closed"
        self._width_s = spec.window_s / _BUCKETS
        self._counts: dict[int, list[int]] = {}
        """Number of the bucket -> calls, and those of them that failed."""
        self._timeouts = 0
        self._until = 0.0
        self._openings = 0
        self._probing = False
        self._good_probes = 0

    def refusal_s(self) -> float | None:
        """None when a call may pass, else the seconds until one may."""
        if self.state == "closed":
            return None
        left_s = self._until - self._clock()
        if self.state == "open" and left_s > 0:
            return left_s
        return _BUSY_PROBE_S if self._probing else None

    def begin(self) -> bool:
        """Count in a call that may pass; returns whether it is a probe. Its end is told to `end` or `forget`."""
        if self.state == "closed":
            return False
        if self.state == "open":
            self._become("half-open", "the time is up, a probe is sent")
        self._probing = True
        return True

    def forget(self, *, probe: bool) -> None:
        """A call ended without showing anything, e.g. because the client left."""
        if probe:
            self._probing = False

    def end(self, result: Result, *, probe: bool) -> None:
        """How a call ended. What began before the circuit opened says nothing about now."""
        if probe:
            self._end_probe(result)
        elif self.state == "closed":
            self._count(result)

    def broke_off(self, result: Result) -> None:
        """A call that counted as good was not in the end."""
        if self.state == "closed":
            self._count(result, calls=0)

    def open_for(self, seconds: float, why: str) -> None:
        """Open because somebody else found out; a circuit that is open already stays as it is."""
        if self.state == "closed":
            self._until = self._clock() + seconds
            self._become("open", why)

    @property
    def open_left_s(self) -> float:
        """Seconds until the next probe; 0 unless open."""
        return max(0.0, self._until - self._clock()) if self.state == "open" else 0.0

    def _end_probe(self, result: Result) -> None:
        self._probing = False
        if result != "ok":
            self._open(f"the probe {_WORDS[result]}")
            return
        self._good_probes += 1
        if self._good_probes >= self._spec.probes:
            self._openings = 0
            self._counts.clear()
            self._timeouts = 0
            self._become("closed", f"{self._good_probes} probe(s) were answered")

    def _count(self, result: Result, *, calls: int = 1) -> None:
        number = int(self._clock() / self._width_s)
        bucket = self._counts.get(number)
        if bucket is None:
            self._counts = {n: c for n, c in self._counts.items() if n > number - _BUCKETS}
            bucket = self._counts[number] = [0, 0]
        bucket[0] += calls
        if result == "ok":
            self._timeouts = 0
            return
        bucket[1] += 1
        self._timeouts = self._timeouts + 1 if result == "timeout" else 0
        self._judge(number)

    def _judge(self, number: int) -> None:
        kept = [counts for n, counts in self._counts.items() if n > number - _BUCKETS]
        calls, failed = sum(c[0] for c in kept), sum(c[1] for c in kept)
        if self._timeouts >= self._spec.timeouts:
            self._open(f"{self._timeouts} calls in a row timed out")
        elif calls >= self._spec.min_calls and failed >= self._spec.failure_ratio * calls:
            self._open(f"{failed} of {calls} calls failed within {self._spec.window_s:g} s")

    def _open(self, why: str) -> None:
        seconds = min(self._spec.open_s * 2.0**self._openings, self._spec.max_open_s)
        seconds *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 so that processes do not probe together
        self._openings = min(self._openings + 1, 20)
        self._until = self._clock() + seconds
        self._become("open", why)

    def _become(self, state: State, why: str) -> None:
        self.state = state
        self._probing = False
        self._good_probes = 0
        self._changed(state, why)


_WORDS: Final = {"failed": "failed", "timeout": "timed out"}
