"""What stands between the gateway and each endpoint: circuit breaker, pause, retry budget, and slots.

State is kept by endpoint, not by request or policy version, so an edit of the policy forgets nothing.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Final, Protocol

from gateway.errors import (
    BadCompletion,
    CircuitOpen,
    CredentialsRefused,
    TargetBusy,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.execute.breaker import Breaker
from gateway.execute.retry_budget import RetryBudget
from gateway.execute.slots import NoSlotError, Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.errors import AttemptError
    from gateway.execute.breaker import Result, State
    from gateway.execute.catalogue import Endpoint

log = logging.getLogger("pointsman.targets")
_BUSY_RETRY_S: Final = 1.0
_DECAY_S: Final = 10.0
_SLOWEST_S: Final = 60.0
_TIMER_S: Final = 0.02
"""A retry that waited as long as it was told may wake this much early."""
_SICK: Final = (UpstreamUnavailable, BadCompletion, CredentialsRefused)
"""What speaks against the endpoint itself. A refused request does not: somebody is there and answers."""


class Watcher(Protocol):
    """Hears what guards do; the metrics of a process are one."""

    def circuit(self, endpoint: str, state: State) -> None:
        """A circuit changed its state."""

    def not_sent(self, endpoint: str, code: str) -> None:
        """A call was not made."""

    def retried(self, endpoint: str, *, allowed: bool) -> None:
        """A target was asked again, or the retry budget was spent."""


class Unwatched:
    """Nobody hears."""

    def circuit(self, endpoint: str, state: State) -> None:
        """Nothing."""

    def not_sent(self, endpoint: str, code: str) -> None:
        """Nothing."""

    def retried(self, endpoint: str, *, allowed: bool) -> None:
        """Nothing."""


class Lease:
    """One call that passed its guard. Told how it went, and given back once however it ends."""

    __slots__ = ("_begun_s", "_guard", "_held", "_probe", "_told", "behind")

    def __init__(self, guard: Guard, begun_s: float, *, probe: bool) -> None:
        self._guard = guard
        self._begun_s = begun_s
        self._probe = probe
        self._told = False
        self._held = True
        self.behind: Callable[[], None] | None = None
        """Drops the call that this lease is for."""

    def succeeded(self) -> None:
        """The endpoint began a real answer."""
        self._guard.took(self._begun_s)
        self._tell("ok")

    def failed(self, error: AttemptError) -> None:
        """The endpoint gave no answer, or broke off one that it had begun."""
        if isinstance(error, UpstreamRateLimited):
            self._guard.pause(error.retry_after_s)
        if (result := _result(error)) != "ok" or isinstance(error, UpstreamRateLimited):
            self._guard.disappointed()
        self._tell(result)

    def give_back(self) -> None:
        """The call is over. A second time does nothing."""
        if not self._held:
            return
        self._held = False
        self._guard.slots.give_back()
        if not self._told:
            self._guard.breaker.forget(probe=self._probe)

    def abandon(self) -> None:
        """Give back the lease, and drop the call behind it."""
        self.give_back()
        if self.behind is not None:
            self.behind()

    def _tell(self, result: Result) -> None:
        if not self._told:
            self._guard.breaker.end(result, probe=self._probe)
        elif result != "ok":
            self._guard.breaker.broke_off(result)
        self._told = True


class Guard:
    """The guard of one endpoint in this process."""

    __slots__ = (
        "_clock", "_latency_at", "_longest_pause_s", "_paused_until", "_provider", "_watcher", "breaker", "is_pool",
        "latency_s", "name", "retries", "slots",
    )  # fmt: skip

    def __init__(
        self, endpoint: Endpoint, watcher: Watcher, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = endpoint.name
        self._provider = endpoint.provider
        self._watcher = watcher
        self._clock = clock
        self._paused_until = 0.0
        self.latency_s = 0.0
        """Time to the first piece of late, and at its worst."""
        self._latency_at = 0.0
        self.is_pool = bool(endpoint.deployments)
        self._longest_pause_s = endpoint.breaker.longest_pause_s
        self.breaker = Breaker(endpoint.breaker, self._changed, clock)
        self.retries = RetryBudget(endpoint.retry_share, clock)
        self.slots = Slots(endpoint.concurrency)

    async def admit(self, longest_s: float) -> Lease:
        """Let one call pass, after at most `longest_s` in the queue.

        Raises `CircuitOpen`, `UpstreamRateLimited` or `TargetBusy`; nothing was sent then.
        """
        self._refuse_if_sick()
        if not self.slots.take():
            await self._queue(longest_s)
        return Lease(self, self._clock(), probe=self.breaker.begin())

    def pause(self, seconds: float | None) -> None:
        """The endpoint asked to be left alone for so long."""
        if seconds:
            until = self._clock() + min(seconds, self._longest_pause_s)
            self._paused_until = max(self._paused_until, until)

    def took(self, begun_s: float) -> None:
        """A call that began then has its first piece: peak EWMA, up at once and down over `_DECAY_S`."""
        now = self._clock()
        sample = now - begun_s
        if sample < self.latency_s:
            kept = math.exp((self._latency_at - now) / _DECAY_S)
            sample = self.latency_s * kept + sample * (1.0 - kept)
        self.latency_s, self._latency_at = sample, now

    def disappointed(self) -> None:
        """A call failed. That it did so quickly must not draw more of them here."""
        self.latency_s = min(_SLOWEST_S, max(2.0 * self.latency_s, 1.0))
        self._latency_at = self._clock()

    def may_retry(self) -> bool:
        """Whether the budget lets the endpoint be asked again; if so, that is paid for."""
        allowed = self.retries.withdraw()
        self._watcher.retried(self.name, allowed=allowed)
        return allowed

    @property
    def paused_s(self) -> float:
        """How long the endpoint has asked to be left alone yet."""
        left_s = self._paused_until - self._clock()
        return left_s if left_s > _TIMER_S else 0.0

    @property
    def well(self) -> bool:
        """Whether a call would be let through, though perhaps after a wait for a slot."""
        return self.breaker.refusal_s() is None and not self.paused_s

    def state(self) -> Mapping[str, object]:
        """For `/readyz?full=1`."""
        return {
            "circuit": self.breaker.state,
            "next_probe_s": round(self.breaker.open_left_s, 1),
            "paused_s": round(self.paused_s, 1),
            "in_flight": self.slots.in_use,
            "queued": self.slots.waiting,
        }

    async def _queue(self, longest_s: float) -> None:
        try:
            await self.slots.wait(longest_s)
        except NoSlotError as full:
            error = TargetBusy(f"`{self._provider}` {full}.", retry_after_s=_BUSY_RETRY_S)
            raise self._held_back(error, error.code) from None
        try:
            self._refuse_if_sick()
        except BaseException:
            self.slots.give_back()
            raise

    def _refuse_if_sick(self) -> None:
        if self._paused_until and (left_s := self.paused_s):
            limited = UpstreamRateLimited(
                f"`{self._provider}` is rate limiting: it asked not to be called for another {left_s:.1f} s.",
                upstream_status=429,
                retry_after_s=left_s,
            )
            raise self._held_back(limited, "paused")
        if (probe_in_s := self.breaker.refusal_s()) is not None:
            said = f"`{self._provider}` has failed too often of late and is not called at the moment."
            raise self._held_back(CircuitOpen(said, retry_after_s=probe_in_s), CircuitOpen.code)

    def _held_back(self, error: AttemptError, reason: str) -> AttemptError:
        error.sent = False
        self._watcher.not_sent(self.name, reason)
        return error

    def _changed(self, state: State, why: str) -> None:
        self._watcher.circuit(self.name, state)
        if state == "open":
            log.warning("circuit of %s is open: %s", self.name, why)
        else:
            log.info("circuit of %s is %s: %s", self.name, state, why)


class Guards:
    """Every guard of this process."""

    def __init__(self, watcher: Watcher | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._watcher = watcher or Unwatched()
        self._clock = clock
        self._guards: dict[tuple[str, str, str], Guard] = {}

    def of(self, endpoint: Endpoint) -> Guard:
        """The guard of an endpoint, the same one for as long as the process runs."""
        key = (endpoint.provider, endpoint.model, endpoint.deployment)
        guard = self._guards.get(key)
        if guard is None:
            guard = self._guards[key] = Guard(endpoint, self._watcher, self._clock)
        return guard

    def state(self) -> dict[str, Mapping[str, object]]:
        """Every endpoint that was called, by name."""
        return {guard.name: guard.state() for guard in self._guards.values() if not guard.is_pool}


def _result(error: AttemptError) -> Result:
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    return "failed" if isinstance(error, _SICK) else "ok"
