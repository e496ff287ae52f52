"""What experiments have done: trials in the order in which they were written, grades of them, and events.

Every process reads the same rows and so comes to the same evidence; nothing else needs to be shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.records.models import EventRow, ExperimentRow, FeedbackRow, GatewayProcessRow, TrialRow
from gateway.records.processes import ALIVE_S
from gateway.records.schema import insert_new

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.records.store import Row

PORTION = 2_000
"""Trials read at once: a few milliseconds of the event loop."""
STARTED, STOPPED, READY = "experiment started", "experiment stopped", "experiment ready"
_TRIAL = (
    TrialRow.id, TrialRow.definition, TrialRow.arm, TrialRow.propensity, TrialRow.unit, TrialRow.failed,
    TrialRow.cost_usd, TrialRow.latency_ms, TrialRow.control_usd, TrialRow.control_ms, TrialRow.agrees,
)  # fmt: skip


class LedgerUnusable(Exception):
    """The database cannot be read or written; the message has its own words."""


class Trial(msgspec.Struct, frozen=True):
    """A request that took part in an experiment."""

    id: int
    definition: str
    arm: str
    propensity: float
    """Probability of the treatment, whichever arm it became."""
    unit: str | None
    failed: bool
    cost_usd: float | None
    latency_ms: float | None
    control_usd: float | None = None
    """Of a shadow: what the answer cost that the client got."""
    control_ms: float | None = None
    agrees: bool | None = None


class Grade(msgspec.Struct, frozen=True):
    """What somebody said of the answer of a trial, in 0-1."""

    trial: Trial
    score: float
    at: float


class Known(msgspec.Struct, frozen=True):
    """An experiment that trials may have been taken under."""

    digest: str
    definition: dict[str, Any]
    share: float
    policy_version: str
    """The policy that had it last, with that share."""
    since: float


class Event(msgspec.Struct, frozen=True):
    """Something that happened by itself."""

    name: str
    at: float
    kind: str
    experiment: str
    definition: str
    policy_version: str
    reason: str
    evidence: dict[str, Any]

    @classmethod
    def once(
        cls,
        kind: str,
        at: float,
        experiment: str,
        digest: str,
        version: str,
        reason: str,
        evidence: dict[str, Any] | None = None,
    ) -> Event:
        """An event that a definition can have once: whoever writes it first is the one who did."""
        return cls(f"{kind}:{digest}", at, kind, experiment, digest, version, reason, evidence or {})


class Ledger:
    """Reads and writes what experiments have done; every method raises `LedgerUnusable`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(
        self, *, trials: Sequence[Row] = (), known: Sequence[Known] = (), events: Sequence[Event] = ()
    ) -> int:
        """Keep all of it; trials and events that are there already stay as they are. Returns the events added."""
        added = 0
        try:
            async with self._engine.begin() as connection:
                for each in known:
                    row = msgspec.to_builtins(each)
                    await connection.execute(insert_new(connection, ExperimentRow).values(**row))
                    now = update(ExperimentRow).where(ExperimentRow.digest == each.digest)
                    await connection.execute(now.values(share=each.share, policy_version=each.policy_version))
                if trials:
                    statement = insert_new(connection, TrialRow)
                    await connection.execute(statement, list(trials))
                for event in events:
                    statement = insert_new(connection, EventRow).values(**msgspec.to_builtins(event))
                    added += max(0, (await connection.execute(statement)).rowcount)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error
        return added

    async def first_trial(self, definitions: Collection[str]) -> int:
        """A number below that of every trial of these experiments."""
        found = await self._all(select(func.min(TrialRow.id)).where(TrialRow.definition.in_(definitions)))
        first = found[0][0]
        return int(first) - 1 if first is not None else 0

    async def trials(self, after: int, missing: Collection[int] = ()) -> list[Trial]:
        """The next trials of any experiment after this number, and those of `missing` that have come since."""
        wanted = TrialRow.id > after
        if missing:
            wanted = or_(wanted, TrialRow.id.in_(missing))
        rows = await self._all(select(*_TRIAL).where(wanted).order_by(TrialRow.id).limit(PORTION))
        return [Trial(*row) for row in rows]

    async def grades(self, definitions: Collection[str], since: float) -> list[Grade]:
        """Grades from this time on of trials of these experiments, oldest first."""
        statement = (
            select(*_TRIAL, FeedbackRow.score, FeedbackRow.at)
            .join(FeedbackRow, FeedbackRow.request_id == TrialRow.request_id)
            .where(FeedbackRow.at >= since, TrialRow.definition.in_(definitions))
            .order_by(FeedbackRow.at, TrialRow.id)
        )
        return [Grade(Trial(*row[:-2]), row[-2], row[-1]) for row in await self._all(statement)]

    async def known(self) -> list[Known]:
        """Every experiment that was ever in force, newest first."""
        columns = (
            ExperimentRow.digest, ExperimentRow.definition, ExperimentRow.share,
            ExperimentRow.policy_version, ExperimentRow.since,
        )  # fmt: skip
        statement = select(*columns).order_by(ExperimentRow.since.desc())
        return [Known(*row) for row in await self._all(statement)]

    async def in_force(self, now: float) -> list[Known]:
        """Those of the policies that gateways serve; when none runs, of the policy with the newest experiment."""
        known = await self.known()
        current = set(await self.serving(now)) or {each.policy_version for each in known[:1]}
        return [each for each in known if each.policy_version in current]

    async def events(self, limit: int = 20) -> list[Event]:
        """The latest events, newest first."""
        columns = (
            EventRow.name, EventRow.at, EventRow.kind, EventRow.experiment, EventRow.definition,
            EventRow.policy_version, EventRow.reason, EventRow.evidence,
        )  # fmt: skip
        statement = select(*columns).order_by(EventRow.at.desc()).limit(limit)
        return [Event(*row) for row in await self._all(statement)]

    async def stopped(self, definitions: Collection[str]) -> frozenset[str]:
        """Which of these definitions have been stopped."""
        statement = select(EventRow.definition).where(
            EventRow.kind == STOPPED, EventRow.definition.in_(definitions)
        )
        return frozenset(row[0] for row in await self._all(statement))

    async def serving(self, now: float) -> list[str]:
        """The policy version that each running gateway process serves."""
        statement = select(GatewayProcessRow.policy).where(GatewayProcessRow.seen > now - ALIVE_S)
        return [row[0] for row in await self._all(statement)]

    async def _all(self, statement: Select[*tuple[Any, ...]]) -> list[list[Any]]:
        try:
            async with self._engine.connect() as connection:
                return [list(row) for row in await connection.execute(statement)]
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> LedgerUnusable:
    return LedgerUnusable(str(getattr(error, "orig", None) or error).splitlines()[0])
