"""Grades of answers, as the callers give them. The last word on a request counts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import RecordsUnavailable, UnknownRequest
from gateway.records.models import FeedbackRow, RecordRow
from gateway.records.schema import insert_or_replace

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from gateway.types import Caller

_PATIENCE_S: Final = 2.0
_PAUSE_S: Final = 0.2
_DEADLINE_S: Final = 10.0


class Grade(NamedTuple):
    """How good an answer was, 0 to 1."""

    request_id: str
    score: float
    comment: str | None = None


class Grades:
    """Keeps grades beside the records."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, grade: Grade, caller: Caller) -> None:
        """Keep the grade of a request of the caller's tenant. Raises `UnknownRequest`, `RecordsUnavailable`.

        Records are written in batches, perhaps by another process: one that is not there yet is waited for shortly.
        """
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self._keep(grade, caller)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise RecordsUnavailable(
                "The grade could not be kept: the database of records does not answer. Send it again later."
            ) from error

    async def _keep(self, grade: Grade, caller: Caller) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            async with self._engine.begin() as connection:
                if await _is_recorded(connection, grade.request_id, caller.tenant):
                    await connection.execute(insert_or_replace(connection, FeedbackRow), _row(grade, caller))
                    return
            if time.monotonic() > deadline:
                raise UnknownRequest(
                    f"There is no request `{grade.request_id[:80]}` of yours; "
                    "its id is in the response header `x-request-id`.",
                    param="request_id",
                )
            await asyncio.sleep(_PAUSE_S)


async def _is_recorded(connection: AsyncConnection, request_id: str, tenant: str) -> bool:
    """Whether this tenant has made the request; another tenant's is as unknown as one that never was."""
    query = select(RecordRow.request_id).where(RecordRow.request_id == request_id, RecordRow.tenant == tenant)
    return (await connection.scalar(query)) is not None


def _row(grade: Grade, caller: Caller) -> dict[str, object]:
    return {
        "request_id": grade.request_id,
        "at": time.time(),
        "tenant": caller.tenant,
        "key": caller.key,
        "score": grade.score,
        "comment": grade.comment,
    }
