"""Trials, grades, events and prices in a real PostgreSQL, written by several processes at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.pacing.keeper import Keeper
from gateway.record import row
from gateway.records.ledger import STOPPED, Ledger
from gateway.records.pacing import PacingStore
from gateway.records.store import SqlRecordStore
from tests.postgres import installed, postgres
from tests.unit.gateway.experiments.build import grade, outcome, policy
from tests.unit.gateway.experiments.test_monitor import Watch
from tests.unit.gateway.pacing.test_keeper import BUDGET, MORNING, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a PostgreSQL that is made for these tests."""
    pytest.importorskip("asyncpg", reason="the extra `postgres` is not installed")
    programs = installed()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(programs) as url:
        yield url


@pytest.fixture
async def store(database: str) -> AsyncIterator[SqlRecordStore]:
    """A started store."""
    made = SqlRecordStore(database, lambda _: None)
    await made.start()
    yield made
    await made.close()


async def test_processes_that_write_at_once_come_to_the_same_end(store: SqlRecordStore) -> None:
    """No trial is lost between transactions that overlap; one stop is recorded; grades join their trials."""
    watches = [Watch(store, policy(stop_if={"inferior_by": 0.1})) for _ in range(4)]
    for start in range(0, 400, 40):
        for number in range(start, start + 40):
            arm = "treatment" if number % 2 else "control"
            watches[number % 4].monitor.note(outcome(number, arm))
        await asyncio.gather(*(watch.monitor.tick() for watch in watches))
    for number in range(400):
        await grade(store, number, 0.1 if number % 2 else 0.9)
    await asyncio.gather(*(watch.monitor.tick() for watch in watches))
    await asyncio.gather(*(watch.monitor.tick() for watch in watches))
    assert [watch.ended for watch in watches] == [{"try"}] * 4
    ledger = Ledger(store.engine)
    stops = [event for event in await ledger.events() if event.kind == STOPPED]
    assert len(stops) == 1
    assert stops[0].evidence["requests"] == {"control": 200, "treatment": 200}
    assert len(await ledger.trials(0)) == 400


async def test_one_price_is_found_by_all(store: SqlRecordStore) -> None:
    """What the day spent is read from the records, what processes count is added up, and one of them steps."""
    made = outcome(1, "control").call
    store.add(row(request(call=made, cost_usd=2.0), "v1") | {"at": MORNING - 100})
    await asyncio.sleep(0.6)
    now, charged = [MORNING], []
    stores = [PacingStore(store.engine) for _ in range(3)]
    keepers = [
        Keeper(each, lambda: BUDGET, lambda *prices: charged.append(prices), lambda: now[0])
        for each in stores
    ]
    for seconds in range(0, 60, 6):
        now[0] = MORNING + seconds
        for keeper in keepers:
            for _ in range(10):
                keeper.note(request(cost_usd=0.01))
        await asyncio.gather(*(keeper.tick() for keeper in keepers))
    now[0] += 6
    charged.clear()
    await keepers[0].tick()
    await keepers[1].tick()
    (one, spent), (other, _) = charged
    assert one == other
    assert one.usd > 0
    assert 4.5 < spent < 5.1
