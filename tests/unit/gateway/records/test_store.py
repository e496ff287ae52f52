"""Records are written in the background, or dropped and counted; a request never notices."""

from __future__ import annotations

import asyncio
import sqlite3

from gateway.record import row
from gateway.records.store import SqlRecordStore
from gateway.types import Outcome
from tests.unit.gateway.build import call


def rows(count):
    made = row(Outcome(call(), "ok", "miss"), "v1")
    return [{**made, "request_id": f"req_{number}"} for number in range(count)]


def stored(path):
    with sqlite3.connect(path) as connection:
        found = [name for (name,) in connection.execute("select request_id from records order by rowid")]
    connection.close()
    return found


async def started(path, dropped):
    store = SqlRecordStore(f"sqlite+aiosqlite:///{path}", dropped.append)
    await store.start()
    return store


async def test_closing_writes_what_is_queued(tmp_path):
    """More rows than one batch, in order, in a folder that is made for them."""
    path, dropped = tmp_path / "new" / "records.db", []
    store = await started(path, dropped)
    for some in rows(1200):
        store.add(some)
    await store.close()
    assert stored(path) == [f"req_{number}" for number in range(1200)]
    assert dropped == []


async def test_a_failing_database_drops_and_counts(tmp_path):
    """Neither `add` nor `close` raises, and later batches are tried again."""
    path, dropped = tmp_path / "records.db", []
    store = await started(path, dropped)
    with sqlite3.connect(path) as connection:
        connection.execute("alter table records rename to elsewhere")
    connection.close()
    for some in rows(3):
        store.add(some)
    await store.close()
    assert sum(dropped) == 3


async def test_a_full_queue_drops_and_counts(tmp_path):
    """Memory stays bounded when the writer cannot keep up."""
    dropped: list[int] = []
    store = SqlRecordStore(f"sqlite+aiosqlite:///{tmp_path / 'r.db'}", dropped.append)
    for some in rows(10_005):
        store.add(some)
    assert sum(dropped) == 5
    await store.close()


async def test_a_second_start_keeps_what_is_there(tmp_path):
    """The table is made once."""
    path = tmp_path / "records.db"
    for number in range(2):
        store = await started(path, [])
        store.add(rows(2)[number])
        await store.close()
    assert stored(path) == ["req_0", "req_1"]


async def test_two_processes_may_write_one_file(tmp_path):
    """Gateway processes share the embedded database."""
    path, dropped = tmp_path / "records.db", []
    one, two = await started(path, dropped), await started(path, dropped)
    for number, some in enumerate(rows(200)):
        (one if number % 2 else two).add(some)
    await one.close()
    await two.close()
    assert sorted(stored(path)) == sorted(f"req_{number}" for number in range(200))


async def test_processes_that_start_together_all_start(tmp_path):
    """`pointsman serve --workers 8` on a machine without a database: whoever is second waits, and nobody fails."""
    for number in range(8):
        url = f"sqlite+aiosqlite:///{tmp_path}/{number}.db"
        stores = [SqlRecordStore(url, lambda _: None) for _ in range(8)]
        results = await asyncio.gather(*(store.start() for store in stores), return_exceptions=True)
        for store in stores:
            await store.close()
        assert results == [None] * 8
