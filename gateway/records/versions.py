"""The versions of the policy that were in force, with who, when, why and what changed. Nothing is overwritten.

The serial of a version is part of the primary key, so of two publications that build on the same one exactly one
is kept, on whichever hosts they are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.errors import HistoryUnavailable
from gateway.records.models import PolicyVersionRow

if TYPE_CHECKING:
    from sqlalchemy import Row, Select
    from sqlalchemy.ext.asyncio import AsyncEngine

Origin = Literal["api", "file", "rollback"]
Changes = Mapping[str, object]
_PATIENCE_S = 10.0


class Superseded(Exception):
    """Somebody else published the next version first."""


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version as it was published."""

    serial: int
    """Counts from 1 within a scope."""
    version: str
    """Names the content; a version that comes back has a new serial and the old name."""
    digest: str
    """SHA-256 of the text in hex."""
    at: float
    """Unix seconds."""
    author: str
    reason: str
    origin: Origin
    changes: Changes
    """What changed against the version before."""
    text: str | None
    """None in lists."""


_LISTED = [column for column in PolicyVersionRow.__table__.columns if column.name not in ("scope", "text")]


class PolicyVersions:
    """The versions of one scope: a policy file, or what several hosts share. Errors are `HistoryUnavailable`."""

    def __init__(self, engine: AsyncEngine, scope: str) -> None:
        self._engine = engine
        self._scope = scope

    async def newest(self) -> PolicyVersion | None:
        """The version published last."""
        return await self._one(self._all())

    async def find(self, version: str) -> PolicyVersion | None:
        """The latest publication of this version."""
        return await self._one(self._all().where(PolicyVersionRow.version == version))

    async def page(self, limit: int, before: int | None = None) -> list[PolicyVersion]:
        """At most `limit` versions without their text, the newest first, from below serial `before`."""
        query = self._all(select(*_LISTED)).limit(limit)
        if before is not None:
            query = query.where(PolicyVersionRow.serial < before)
        return [_version(row) for row in await self._rows(query)]

    async def append(self, version: PolicyVersion) -> None:
        """Keep `version` under its serial; raises `Superseded` when that is taken."""
        fields = {name: getattr(version, name) for name in PolicyVersion.__slots__}
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.begin() as connection:
                await connection.execute(insert(PolicyVersionRow), [fields | {"scope": self._scope}])
        except IntegrityError as error:
            raise Superseded from error
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    def _all(self, query: Select[tuple[object, ...]] | None = None) -> Select[tuple[object, ...]]:
        chosen = select(*PolicyVersionRow.__table__.columns) if query is None else query
        return chosen.where(PolicyVersionRow.scope == self._scope).order_by(PolicyVersionRow.serial.desc())

    async def _one(self, query: Select[tuple[object, ...]]) -> PolicyVersion | None:
        rows = await self._rows(query.limit(1))
        return _version(rows[0]) if rows else None

    async def _rows(self, query: Select[tuple[object, ...]]) -> list[Row[tuple[object, ...]]]:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._engine.connect() as connection:
                return list(await connection.execute(query))
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error


def _version(row: Row[tuple[object, ...]]) -> PolicyVersion:
    found = {name: value for name, value in row._mapping.items() if name != "scope"}
    return PolicyVersion(**({"text": None} | found))


def _unavailable(error: Exception) -> HistoryUnavailable:
    if isinstance(error, TimeoutError):
        return HistoryUnavailable(f"no answer in {_PATIENCE_S:g} s")
    return HistoryUnavailable(str(getattr(error, "orig", None) or error).partition("\n")[0])
