"""Tables of an older release are brought up to date, and those of a newer one are left alone."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import inspect

from gateway.record import row
from gateway.records.models import RecordRow
from gateway.records.schema import CURRENT
from gateway.records.store import SqlRecordStore
from gateway.types import Outcome
from tests.unit.gateway.build import call

NEW_COLUMNS = {"facts"}


def old_database(path):
    """A database as the first release made it, with one row."""
    columns = [c.key for c in inspect(RecordRow).columns if c.key not in NEW_COLUMNS]
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table records ({', '.join(columns)}, primary key (request_id))")
        connection.execute("insert into records (request_id, at) values ('req_old', 1.0)")
    connection.close()


def ask(path, query):
    with sqlite3.connect(path) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


async def write_one(path):
    store = SqlRecordStore(f"sqlite+aiosqlite:///{path}", lambda _: None)
    await store.start()
    store.add(row(Outcome(call(), "ok", "miss"), "v1"))
    await store.close()


async def test_an_older_table_gets_what_it_lacks(tmp_path):
    """Old rows stay, new ones have the new columns, and the version is written down once."""
    path = tmp_path / "records.db"
    old_database(path)
    for _ in range(2):
        await write_one(path)
        ask(path, "delete from records where request_id = 'req_1'")
    await write_one(path)
    assert ask(path, "select request_id, facts from records order by rowid") == [
        ("req_old", None),
        ("req_1", None),
    ]
    assert ask(path, "select version from schema_version") == [(CURRENT,)]


async def test_a_fresh_database_has_the_current_version(tmp_path):
    """Nothing has to be migrated in it later."""
    path = tmp_path / "records.db"
    await write_one(path)
    assert ask(path, "select version from schema_version") == [(CURRENT,)]


async def test_a_newer_database_is_written_as_it_is(tmp_path, caplog):
    """A release can be taken back: columns are only ever added and may be null. The log says what is going on."""
    path = tmp_path / "records.db"
    await write_one(path)
    ask(path, "update schema_version set version = version + 1")
    ask(path, "alter table records add column later text")
    ask(path, "delete from records")
    await write_one(path)
    assert ask(path, "select request_id, later from records") == [("req_1", None)]
    assert ask(path, "select version from schema_version") == [(CURRENT + 1,)]
    assert "newer release" in caplog.text


@pytest.mark.parametrize("name", sorted(NEW_COLUMNS))
def test_added_columns_may_be_null(name):
    """An older release beside this one does not fill them."""
    assert RecordRow.__table__.columns[name].nullable
