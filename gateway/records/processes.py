"""Which gateway processes run, and which policy each of them serves: one row each, written every few seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.records.models import GatewayProcessRow
from gateway.records.schema import insert_or_replace

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

ALIVE_S = 15.0
"""A process that was not heard of for longer is taken for gone."""
_FORGOTTEN_S = 3600.0
_PATIENCE_S = 2.0
"""Nobody waits longer for it: what the others serve is good to know and no more."""


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
        row = {"process": process, "scope": self._scope, "policy": policy, "seen": time.time()}
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.begin() as connection:
                gone = GatewayProcessRow.seen < time.time() - _FORGOTTEN_S
                await connection.execute(delete(GatewayProcessRow).where(gone))
                await connection.execute(insert_or_replace(connection, GatewayProcessRow), [row])
        except (SQLAlchemyError, OSError) as error:
            raise Unseen(type(error).__name__) from error

    async def leave(self, process: str) -> None:
        """Take `process` off the list."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.begin() as connection:
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
            async with asyncio.timeout(_PATIENCE_S), self._engine.connect() as connection:
                rows = await connection.execute(query.order_by(row.process))
                return [Process(*found) for found in rows]
        except (SQLAlchemyError, OSError) as error:
            raise Unseen(type(error).__name__) from error
