"""Records, grades and migration on a real PostgreSQL: what replay reads there is what it reads from SQLite."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.errors import UnknownRequest
from gateway.record import row
from gateway.records.grades import Grade, Grades
from gateway.records.reading import read_database
from gateway.records.store import SqlRecordStore
from gateway.types import Caller, Outcome
from tests.postgres import installed, postgres
from tests.unit.gateway.build import SIGNALS, call, live
from tests.unit.gateway.stored import stored

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(installed() is None, reason="PostgreSQL is not installed")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An empty database."""
    pytest.importorskip("asyncpg", reason="the extra `postgres` is not installed")
    programs = installed()
    assert programs is not None
    with postgres(programs) as found:
        yield found


async def test_a_record_and_its_grade_come_back(url: str) -> None:
    """Into an old table, which is brought up to date first; the last grade counts, and only of one's own request."""
    engine = create_async_engine(url)
    store = SqlRecordStore(url, lambda _: None)
    await store.start()
    await store.close()
    async with engine.begin() as connection:  # as the first release left it
        await connection.execute(text("ALTER TABLE records DROP COLUMN facts"))
        await connection.execute(text("DROP TABLE feedback"))
        await connection.execute(text("DROP TABLE schema_version"))
    store = SqlRecordStore(url, lambda lost: pytest.fail(f"{lost} records lost"))
    await store.start()
    kept, _ = stored(live())
    store.add(_row())
    grades = Grades(engine)
    await grades.keep(Grade("req_1", 0.0, "no"), Caller("default", "app"))
    await grades.keep(Grade("req_1", 0.75), Caller("default", "app"))
    with pytest.raises(UnknownRequest):
        await grades.keep(Grade("req_1", 1.0), Caller("other"))
    await store.close()
    found = await asyncio.to_thread(lambda: list(read_database(url)))  # a command has no event loop
    assert [(one.request_id, one.score) for one in found] == [("req_1", 0.75)]
    assert (found[0].facts, found[0].signals) == (kept.facts, kept.signals)
    await engine.dispose()


def _row() -> dict[str, object]:
    from gateway import decide
    from gateway.records.facts import logged

    policy, some = live(), call()
    facts = decide.facts(some, SIGNALS, policy)
    decision = decide.decide_on(facts, policy)
    outcome = Outcome(
        some, "ok", "miss", signals=SIGNALS, decision=decision, logged=logged(some, facts, policy.inputs)
    )
    return row(outcome, "v1")
