"""Which gateway processes run, and which policy each of them serves: one row each, written every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Float, String, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from gateway.records.models import Base

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

ALIVE_S = 15.0
"""A process that was not heard of for longer is taken for gone."""


class GatewayProcessRow(Base):
    """One gateway process. `seen` is in Unix seconds by the clock of its host."""

    __tablename__ = "gateway_processes"

    process: Mapped[str] = mapped_column(String(255), primary_key=True)
    scope: Mapped[str] = mapped_column(String(512))
    policy: Mapped[str] = mapped_column(String(64))
    seen: Mapped[float] = mapped_column(Float)


class Unseen(Exception):
    """The database with the other processes does not answer."""


@dataclass(frozen=True, slots=True)
class Process:
    """A gateway process and the version of the policy that it serves."""

    process: str
    """`host:pid`."""
    policy: str
    seen: float


class Processes:
    """The processes that share a scope of policies. Every method may raise `Unseen`."""

    def __init__(self, engine: AsyncEngine, scope: str) -> None:
        self._engine = engine
        self._scope = scope

    async def beat(self, process: str, policy: str) -> None:
        """Say that `process` is alive and serves `policy`; forget those that are long gone."""
        now = time.time()
        row = {"scope": self._scope, "policy": policy, "seen": now}
        try:
            async with self._engine.begin() as connection:
                mine = GatewayProcessRow.process == process
                await connection.execute(
                    delete(GatewayProcessRow).where(GatewayProcessRow.seen < now - 240 * ALIVE_S)
                )
                found = await connection.execute(update(GatewayProcessRow).where(mine).values(row))
                if found.rowcount == 0:
                    await connection.execute(insert(GatewayProcessRow), [row | {"process": process}])
        except IntegrityError:
            pass  # a process that was given the same id said so first; the next beat corrects it
        except (SQLAlchemyError, OSError) as error:
            raise Unseen(type(error).__name__) from error

    async def leave(self, process: str) -> None:
        """Take `process` off the list."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(
                    delete(GatewayProcessRow).where(GatewayProcessRow.process == process)
                )
        except (SQLAlchemyError, OSError) as error:
            raise Unseen(type(error).__name__) from error

    async def alive(self) -> list[Process]:
        """Those heard of in the last `ALIVE_S` seconds, by name."""
        row = GatewayProcessRow
        query = select(row.process, row.policy, row.seen).where(
            row.scope == self._scope, row.seen > time.time() - ALIVE_S
        )
        try:
            async with self._engine.connect() as connection:
                rows = await connection.execute(query.order_by(row.process))
                return [Process(*found) for found in rows]
        except (SQLAlchemyError, OSError) as error:
            raise Unseen(type(error).__name__) from error
