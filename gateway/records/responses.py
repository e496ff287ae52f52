"""Responses that a later request may go on from, kept for a time and for their own tenant alone."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import RecordsUnavailable, UnknownResponse
from gateway.records.models import ResponseRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger("pointsman.records")
_DAY_S: Final = 86_400.0
_DEADLINE_S: Final = 5.0
_SWEEP_S: Final = 600.0


class Kept(NamedTuple):
    """A response with the conversation that led to it, in chat messages, the answer included."""

    id: str
    tenant: str
    response: dict[str, Any]
    messages: list[dict[str, Any]]


class Responses:
    """The table of them."""

    def __init__(self, engine: AsyncEngine, days: float) -> None:
        """Rows older than `days` are as if they were not there, and deleted every ten minutes; 0 keeps none."""
        self._engine = engine
        self._days = days
        self._swept = 0.0

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._days > 0

    async def keep(self, kept: Kept) -> bool:
        """Keep a response; False when the database did not take it: the answer is not lost for that."""
        row = {**kept._asdict(), "at": time.time()}
        try:
            async with asyncio.timeout(_DEADLINE_S), self._engine.begin() as connection:
                await connection.execute(insert(ResponseRow), [row])
                if row["at"] - self._swept > _SWEEP_S:
                    self._swept = row["at"]
                    await connection.execute(delete(ResponseRow).where(ResponseRow.at < self._oldest()))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.error("response %s was not kept: %s", kept.id, type(error).__name__)
            return False
        return True

    async def get(self, name: str, tenant: str, param: str | None = None) -> Kept:
        """A response of this tenant; raises `UnknownResponse`, `RecordsUnavailable`."""
        query = select(ResponseRow.response, ResponseRow.messages).where(
            ResponseRow.id == name, ResponseRow.tenant == tenant, ResponseRow.at >= self._oldest()
        )
        try:
            async with asyncio.timeout(_DEADLINE_S), self._engine.connect() as connection:
                found = (await connection.execute(query)).first()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _unavailable() from error
        if found is None:
            raise _unknown(name, param)
        return Kept(name, tenant, found.response, found.messages)

    async def drop(self, name: str, tenant: str) -> None:
        """Delete a response of this tenant; raises as `get` does."""
        mine = delete(ResponseRow).where(ResponseRow.id == name, ResponseRow.tenant == tenant)
        try:
            async with asyncio.timeout(_DEADLINE_S), self._engine.begin() as connection:
                gone = (await connection.execute(mine)).rowcount
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _unavailable() from error
        if not gone:
            raise _unknown(name, None)

    def _oldest(self) -> float:
        return time.time() - self._days * _DAY_S


def _unknown(name: str, param: str | None) -> UnknownResponse:
    return UnknownResponse(
        f"There is no response `{name[:80]}` of yours: it was not stored, was deleted, or is too old.",
        param=param,
    )


def _unavailable() -> RecordsUnavailable:
    return RecordsUnavailable(
        "Stored responses cannot be read: their database does not answer. Try again later."
    )
