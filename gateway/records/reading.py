"""Reads records back: from the database in use, a copy of one, or JSON Lines with the columns as keys."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.records.models import FeedbackRow, RecordRow
from policies.replay import AttemptStatus  # noqa: TC001 (msgspec reads it when it decodes)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from sqlalchemy import Select

_BATCH: Final = 2_000
_SQLITE: Final = b"SQLite format 3\x00"


class RecordsUnreadable(Exception):
    """There are no records to read; the message says where and why."""


class Tried(msgspec.Struct):
    """One call of a target, as the record keeps it."""

    target: str
    status: AttemptStatus
    ms: float = 0.0
    confidence: float | None = None
    cost_usd: float | None = None


class Stored(msgspec.Struct):
    """What replay reads of a record. `score` is the feedback on it, 0 to 1."""

    request_id: str
    at: float
    rule: str = ""
    target: str = ""
    status: str = "ok"
    cache: str = "off"
    error_code: str | None = None
    tenant: str = "default"
    key: str = ""
    model_asked: str = "auto"
    stream: bool = False
    policy_version: str = ""
    classifier_version: str = ""
    propensity: float = 1.0
    steps: list[str] = msgspec.field(default_factory=list)
    signals: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None
    attempts: list[Tried] = msgspec.field(default_factory=list)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    total_ms: float | None = None
    score: float | None = None


_COLUMNS: Final = [name for name in Stored.__struct_fields__ if name != "score"]


def read_database(url: str, since: float = 0.0) -> Iterator[Stored]:
    """Every record of a database from Unix time `since` on, oldest first. Raises `RecordsUnreadable`."""
    batches = _batches(url, since)
    with asyncio.Runner() as runner:
        try:
            while batch := runner.run(_next(batches)):
                yield from batch
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise RecordsUnreadable(f"the records cannot be read: {reason}") from error
        finally:
            runner.run(batches.aclose())


def read_file(path: Path, since: float = 0.0) -> Iterator[Stored]:
    """Every record of a file, SQLite or JSON Lines (may be .gz). Raises `RecordsUnreadable`."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except OSError as error:
        raise RecordsUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if head == _SQLITE:
        yield from read_database(f"sqlite+aiosqlite:///file:{path.resolve()}?mode=ro&uri=true", since)
    else:
        yield from _lines(path, since)


async def _next(batches: AsyncGenerator[list[Stored], None]) -> list[Stored]:
    return await anext(batches, [])


async def _batches(url: str, since: float) -> AsyncGenerator[list[Stored], None]:
    engine = create_async_engine(url, json_deserializer=msgspec.json.decode)
    try:
        async with engine.connect() as connection:
            query = await connection.run_sync(_query, since)
            found = await connection.stream(query)
            async for rows in found.partitions(_BATCH):
                yield [msgspec.convert(row._mapping, Stored, from_attributes=False) for row in rows]
    finally:
        await engine.dispose()


def _query(connection: Connection, since: float) -> Select[Any]:
    """The columns that this database has; one written by an older release lacks some."""
    tables = inspect(connection).get_table_names()
    if RecordRow.__tablename__ not in tables:
        raise RecordsUnreadable("this database has no table `records`; has a gateway ever written to it?")
    there = {column["name"] for column in inspect(connection).get_columns(RecordRow.__tablename__)}
    columns = [getattr(RecordRow, name) for name in _COLUMNS if name in there]
    query = select(*columns)
    if FeedbackRow.__tablename__ in tables:
        query = query.add_columns(FeedbackRow.score).outerjoin(
            FeedbackRow, FeedbackRow.request_id == RecordRow.request_id
        )
    return query.where(RecordRow.at >= since).order_by(RecordRow.at)


def _lines(path: Path, since: float) -> Iterator[Stored]:
    decoder = msgspec.json.Decoder(Stored)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise RecordsUnreadable(f"{path}:{number}: is no record: {error}") from None
                if record.at >= since:
                    yield record
    except (OSError, EOFError) as error:
        raise RecordsUnreadable(f"{path}: {error}") from error
