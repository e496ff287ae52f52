"""Writes records in the background, in batches. A slow or full disk costs records, never requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from sqlalchemy import event, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.records.models import RecordRow, ShadowRow
from gateway.records.schema import migrate

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.records.models import Base

log = logging.getLogger("pointsman.records")

Row = dict[str, Any]  # column name -> value, as SQLAlchemy's bulk insert takes it
_BATCH = 500
_QUEUE = 10_000
_LINGER_S = 0.25


class StoreUnusable(Exception):
    """Records cannot be kept where the settings say; the message says why."""


class RecordStore(Protocol):
    """Keeps rows of the `records` table."""

    def add(self, row: Row) -> None:
        """Keep a row soon. Returns at once and never raises."""
        ...


class SqlRecordStore:
    """Rows into SQLite or PostgreSQL."""

    def __init__(self, url: str, dropped: Callable[[int], None]) -> None:
        try:
            self._url = make_url(url)
        except ArgumentError as error:
            raise StoreUnusable("`POINTSMAN_DATABASE_URL` is not a database URL") from error
        self._dropped = dropped
        self._queue: asyncio.Queue[tuple[type[Base], Row]] = asyncio.Queue(_QUEUE)
        try:
            self._engine = create_async_engine(self._url, json_serializer=_to_json)
        except ModuleNotFoundError as error:
            raise StoreUnusable(
                f"records cannot be kept in {self._url!r}: the driver `{error.name}` is not installed"
            ) from error
        self._writer: asyncio.Task[None] | None = None
        if self._url.get_backend_name() == "sqlite":
            event.listen(self._engine.sync_engine, "connect", _use_wal)

    @property
    def engine(self) -> AsyncEngine:
        """The database, for the tables beside the records."""
        return self._engine

    async def start(self) -> None:
        """Bring the tables up to date and begin to write; raises `StoreUnusable`."""
        try:
            if self._url.get_backend_name() == "sqlite" and self._url.database:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with self._engine.begin() as connection:
                await connection.run_sync(migrate)
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnusable(f"records cannot be kept in {self._url!r}: {_reason(error)}") from error
        self._writer = asyncio.create_task(self._write_forever(), name="records")

    def add(self, row: Row) -> None:
        self._enqueue(RecordRow, row)

    def add_shadow(self, row: Row) -> None:
        """Keep a row of the `shadows` table soon. Returns at once and never raises."""
        self._enqueue(ShadowRow, row)

    def _enqueue(self, table: type[Base], row: Row) -> None:
        try:
            self._queue.put_nowait((table, row))
        except asyncio.QueueFull:
            self._dropped(1)

    async def close(self, deadline_s: float = 5.0) -> None:
        """Write what is queued, then stop."""
        if self._writer is not None:
            try:
                async with asyncio.timeout(deadline_s):
                    await self._queue.join()
            except TimeoutError:
                log.error("%d records were not written in time", self._queue.qsize())
                self._dropped(self._queue.qsize())
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._engine.dispose()

    async def _write_forever(self) -> None:
        while True:
            rows = [await self._queue.get()]
            await asyncio.sleep(_LINGER_S)  # a batch costs little more than a row
            while len(rows) < _BATCH and not self._queue.empty():
                rows.append(self._queue.get_nowait())
            for table in (RecordRow, ShadowRow):
                await self._write(table, [row for owner, row in rows if owner is table])
            for _ in rows:
                self._queue.task_done()

    async def _write(self, table: type[Base], rows: list[Row]) -> None:
        if not rows:
            return
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(table), rows)
        except (SQLAlchemyError, OSError) as error:
            log.error("%d records lost: %s", len(rows), str(error).splitlines()[0])
            self._dropped(len(rows))


def _to_json(value: object) -> str:
    """What SQLAlchemy stores in a JSON column; its default, the standard library's, takes ten times as long."""
    return msgspec.json.encode(value).decode()


def _reason(error: Exception) -> str:
    """The driver's own words: the first line, without SQLAlchemy's prefix."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _use_wal(connection: DBAPIConnection, _: object) -> None:
    """Several gateway processes write one file: the log lets them, and readers never block them."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    # SQLite does not wait for this one. It fails while another process makes the same file, which sets it for all.
    with contextlib.suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
