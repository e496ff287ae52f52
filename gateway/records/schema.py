"""Brings the tables of another release up to date. Columns are only ever added, and may be null.

So an older release can go on writing while a newer one starts beside it, and can come back after it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, func, insert, inspect, select, text, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateColumn

from gateway.records.models import Base, SchemaVersion

if TYPE_CHECKING:
    from sqlalchemy import Insert, Table
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.ext.asyncio import AsyncConnection

log = logging.getLogger("pointsman.records")

CURRENT: Final = 8
"""Raise it with every change of `models.py`. 1: `records` alone. 2: facts, feedback. 3: shadows. 4: policy versions,
gateway processes. 5: trials, experiments, events, pacing. 6: shadows and their trials beside what the
answer took. 7: keys. 8: responses."""
_ONLY: Final = 1
_LOCK: Final = 0x706D  # any number that nobody else locks in the same database


def migrate(connection: Connection) -> None:
    """Create the tables that are absent and add the columns that are. Raises SQLAlchemy's errors.

    Processes that start together wait for each other, and whoever comes later finds all done.
    """
    _wait_for_others(connection)
    there = set(inspect(connection).get_table_names())
    before = _version(connection, there)
    if before > CURRENT:
        log.warning(
            "the records were written by a newer release (schema %d, this one knows %d); it goes on as it is",
            before,
            CURRENT,
        )
        return
    Base.metadata.create_all(connection)
    for table in Base.metadata.sorted_tables:
        if table.name in there:
            _add_columns(connection, table)
    if before < CURRENT:
        _set_version(connection, CURRENT)
        if before:
            log.info("records brought from schema %d to %d", before, CURRENT)


def _wait_for_others(connection: Connection) -> None:
    """Hold the tables until the transaction ends: each table by itself would be a race that somebody loses."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def insert_new(connection: Connection | AsyncConnection, table: type[Base]) -> Insert:
    """An insert into `table` that leaves out rows which are there already, by primary key or unique column."""
    return _insert(connection, table).on_conflict_do_nothing()


def insert_or_replace(connection: Connection | AsyncConnection, table: type[Base]) -> Insert:
    """An insert into `table` after which the row of that primary key is the new one."""
    statement = _insert(connection, table)
    keys = [column.name for column in inspect(table).primary_key]
    new = {column.name: column for column in statement.excluded if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def _insert(connection: Connection | AsyncConnection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """The two dialects say `ON CONFLICT` alike, and SQLAlchemy keeps it in each of them."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # 2 MB that SQLite can do without

        return postgresql.insert(table)
    return sqlite.insert(table)


def _version(connection: Connection, there: set[str]) -> int:
    """The version of the tables that are there, 0 when there are none."""
    if SchemaVersion.__tablename__ in there:
        found = connection.scalar(select(SchemaVersion.version))
        return int(found) if found is not None else 0
    return 1 if "records" in there else 0  # the first release kept no version


def _set_version(connection: Connection, version: int) -> None:
    done = connection.execute(
        update(SchemaVersion).where(SchemaVersion.only == _ONLY).values(version=version)
    )
    if not done.rowcount:
        connection.execute(insert(SchemaVersion).values(only=_ONLY, version=version))


def _add_columns(connection: Connection, table: Table) -> None:
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in known:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
