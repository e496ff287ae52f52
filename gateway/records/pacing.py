"""What the controller of `limits` shares between processes: one row, added to by all and stepped by one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import BigInteger, Integer, cast, func, select, type_coerce, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.records.models import PacingRow, RecordRow
from gateway.records.schema import insert_new

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_ONLY = 1
_COLUMNS = (
    PacingRow.requests, PacingRow.usd, PacingRow.slow, PacingRow.stepped_at, PacingRow.state,
    PacingRow.shadow_usd, PacingRow.shadow_s,
)  # fmt: skip


class PacingUnusable(Exception):
    """The database cannot be read or written; the message has its own words."""


class Shared(msgspec.Struct, frozen=True):
    """The row as it is now."""

    requests: int
    usd: float
    slow: int
    """What was taken since the last step."""
    stepped_at: float
    state: dict[str, Any]
    shadow_usd: float
    shadow_s: float


class PacingStore:
    """The row of the table `pacing`; every method raises `PacingUnusable`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, requests: int, usd: float, slow: int) -> Shared:
        """Add what this process took, and read what all took since the last step. Makes the row if it is not there."""
        counted = {
            "requests": PacingRow.requests + requests,
            "usd": PacingRow.usd + usd,
            "slow": PacingRow.slow + slow,
        }
        try:
            async with self._engine.begin() as connection:
                done = await connection.execute(update(PacingRow).values(counted))
                if not done.rowcount:
                    await self._make(connection)
                    await connection.execute(update(PacingRow).values(counted))
                row = (await connection.execute(select(*_COLUMNS))).one()
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error
        return Shared(*row)

    async def read(self) -> Shared | None:
        """The row as it is; None if no policy ever had limits."""
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(select(*_COLUMNS))).one_or_none()
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error
        return None if row is None else Shared(*row)

    async def step(self, before: Shared, after: Shared) -> bool:
        """Put the state and prices of `after` in force, unless another process has stepped since `before` was read."""
        values = {
            "requests": PacingRow.requests - before.requests,
            "usd": PacingRow.usd - before.usd,
            "slow": PacingRow.slow - before.slow,
            "stepped_at": after.stepped_at,
            "state": after.state,
            "shadow_usd": after.shadow_usd,
            "shadow_s": after.shadow_s,
        }
        statement = update(PacingRow).where(PacingRow.stepped_at == before.stepped_at).values(values)
        try:
            async with self._engine.begin() as connection:
                return bool((await connection.execute(statement)).rowcount)
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error

    async def traffic(self, since: float, bin_s: int) -> list[tuple[float, int, float]]:
        """Recorded requests that were routed: start of each bin of so many seconds (Unix), requests, USD."""
        start = type_coerce(cast(RecordRow.at, BigInteger) // bin_s, Integer)
        statement = (
            select(start, func.count(), func.coalesce(func.sum(RecordRow.cost_usd), 0.0))
            .where(RecordRow.at >= since, RecordRow.cache != "hit")
            .group_by(start)
            .order_by(start)
        )
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(statement)).all()
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error
        return [(float(number * bin_s), int(count), float(usd or 0.0)) for number, count, usd in rows]

    async def _make(self, connection: AsyncConnection) -> None:
        empty = {"only": _ONLY, "requests": 0, "usd": 0.0, "slow": 0, "stepped_at": 0.0, "state": {}}
        await connection.execute(
            insert_new(connection, PacingRow).values(**empty, shadow_usd=0.0, shadow_s=0.0)
        )


def _unusable(error: Exception) -> PacingUnusable:
    return PacingUnusable(str(getattr(error, "orig", None) or error).splitlines()[0])
