"""Watches the experiments of the policy in force and ends those whose evidence says so.

Every gateway process runs one. A finished request leaves a small row in memory; once a second the rows go to the
database, the new rows of all processes are read back and folded, and what they show is acted on. So an experiment
stops in every process within about two seconds of the request that decided it, and goes on from the same evidence
after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from gateway.experiments.definition import Running, running
from gateway.experiments.reading import Reader
from gateway.experiments.trials import shadow_trial, trial
from gateway.records.ledger import READY, STARTED, STOPPED, Event, Known, LedgerUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.experiments.comparison import Comparison, Evidence
    from gateway.records.ledger import Ledger
    from gateway.records.store import Row
    from gateway.types import Outcome
    from policies.model import Policy

log = logging.getLogger("pointsman.experiments")

_WAITING = 20_000  # trials that wait for the database at most; the oldest go first
_VERSIONS = 8  # policies whose requests may still be running


class Monitor:
    """Collects trials, folds them, and says which experiments are over."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Callable[[], tuple[str, Policy]],
        end: Callable[[frozenset[str]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`policy` gives the version and policy in force; `end` is told the ids of experiments that are over."""
        self._ledger = ledger
        self._policy = policy
        self._end = end
        self._clock = clock
        self._waiting: deque[Row] = deque(maxlen=_WAITING)
        self._versions: dict[str, Mapping[str, Running]] = {}
        self._registered = ""
        self._said: set[str] = set()
        self._reader = Reader(ledger)
        self._reachable = True

    def note(self, outcome: Outcome) -> None:
        """Take in a finished request; some microseconds, and none if it is in no experiment."""
        decision = outcome.decision
        found = self._running(outcome.policy_version, decision.experiment) if decision else None
        if found is not None:
            self._waiting.append(trial(outcome, found))

    def note_shadow(self, row: Row) -> None:
        """Take in a finished call of a shadow, by its row of the table `shadows`."""
        found = self._running(row["policy_version"], row["experiment"])
        if found is not None:
            self._waiting.append(shadow_trial(row, found))

    async def safe_tick(self) -> None:
        """One tick. A database that cannot be reached is said once; experiments stay as they are."""
        try:
            await self.tick()
        except LedgerUnusable as error:
            if self._reachable:
                log.error("experiments cannot be watched: %s; they go on as they are", error)
            self._reachable = False
        else:
            self._reachable = True

    async def tick(self) -> None:
        """Write what has finished, read what is new, and end what must end. Raises `LedgerUnusable`."""
        version, current = self._current()
        await self._write(version, current)
        if not current:
            self._end(frozenset())
            return
        digests = {each.digest: each for each in current.values()}
        stopped = await self._ledger.stopped(digests)
        comparisons = await self._reader.read(
            {d: each.definition for d, each in digests.items() if d not in stopped}
        )
        for digest, comparison in comparisons.items():
            if await self._judge(version, digests[digest], comparison):
                stopped |= {digest}
        self._end(frozenset(each.definition.id for digest, each in digests.items() if digest in stopped))

    def _current(self) -> tuple[str, Mapping[str, Running]]:
        version, policy = self._policy()
        if version not in self._versions:
            self._versions[version] = running(policy)
            for old in list(self._versions)[:-_VERSIONS]:
                del self._versions[old]
        return version, self._versions[version]

    def _running(self, version: str, experiment: str | None) -> Running | None:
        """The experiment under the policy that a request began with; None if there is none, or that is long gone."""
        if experiment is None:
            return None
        if version not in self._versions:
            self._current()
        return self._versions.get(version, {}).get(experiment)

    async def _write(self, version: str, current: Mapping[str, Running]) -> None:
        """Keep the trials that have ended, and after a change of the policy its experiments."""
        new = list(current.values()) if version != self._registered else []
        now = self._clock()
        known = [
            Known(each.digest, msgspec.to_builtins(each.definition), each.share, version, now) for each in new
        ]
        events = [self._event(STARTED, version, each, f"share {each.share:g}") for each in new]
        rows = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not rows and not known:
            self._registered = version
            return
        try:
            await self._ledger.write(trials=rows, known=known, events=events)
        except LedgerUnusable:
            self._waiting.extendleft(reversed(rows))  # tried again with the next tick
            raise
        self._registered = version

    async def _judge(self, version: str, experiment: Running, comparison: Comparison) -> bool:
        """Whether the experiment has ended; an event and a log line say so, in one process of all."""
        evidence = await asyncio.to_thread(comparison.evidence)
        if evidence.verdict == "running":
            return False
        kind = STOPPED if evidence.ends else READY
        if (key := f"{kind}:{experiment.digest}") not in self._said:
            event = self._event(kind, version, experiment, evidence.reason, evidence)
            if await self._ledger.write(events=[event]):
                _say(kind, experiment, evidence.reason)
            self._said.add(key)
        return evidence.ends

    def _event(
        self, kind: str, version: str, experiment: Running, reason: str, evidence: Evidence | None = None
    ) -> Event:
        shown = msgspec.to_builtins(evidence) if evidence else None
        name = experiment.definition.id
        return Event.once(kind, self._clock(), name, experiment.digest, version, reason, shown)


def _say(kind: str, experiment: Running, reason: str) -> None:
    name = experiment.definition.id
    if kind == STOPPED:
        log.warning("experiment `%s` is stopped: %s; every request is treated as without it", name, reason)
    else:
        log.info("experiment `%s` may be promoted: %s", name, reason)
