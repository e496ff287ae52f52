"""Processes that share one budget through the database, and a database that is not there."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from gateway.pacing.forecast import DAY_S
from gateway.pacing.keeper import Keeper
from gateway.pacing.pacer import Prices
from gateway.pacing.price import CEILING
from gateway.record import row
from gateway.records.pacing import PacingStore, Shared
from gateway.types import Outcome
from policies.model import Limits
from tests.unit.gateway.build import call
from tests.unit.gateway.experiments.build import database

MORNING = 1_000 * DAY_S + 6 * 3600
BUDGET = Limits(usd_per_day=10.0)


def request(**fields):
    return replace(Outcome(call(), "ok", "miss", first_byte_ms=100.0, cost_usd=0.1), **fields)


class Process:
    """A keeper with what it charges, at a time that the test sets."""

    def __init__(self, store, limits=BUDGET):
        self.now, self.limits = MORNING, limits
        self.prices, self.spent = None, None
        self.keeper = Keeper(PacingStore(store.engine), lambda: self.limits, self.charge, lambda: self.now)

    def charge(self, prices, spent):
        self.prices, self.spent = prices, spent

    def note(self, count, **fields):
        for _ in range(count):
            self.keeper.note(request(**fields))

    async def at(self, seconds):
        self.now = MORNING + seconds
        await self.keeper.tick()


async def test_all_processes_spend_from_one_budget_and_charge_one_price(tmp_path):
    """Each saw half of the requests; both know what both spent, and one of them stepped."""
    async with database(tmp_path) as store:
        one, other = Process(store), Process(store)
        await one.at(-6)
        for seconds in range(0, 60, 6):
            one.note(20)
            other.note(20)
            await one.at(seconds)
            await other.at(seconds)
        assert one.prices == other.prices
        assert one.prices.usd > 0
        await one.at(66)
        assert one.spent == pytest.approx(40.0)
        assert one.prices.usd == CEILING, "ten dollars were allowed"


async def test_what_the_day_has_spent_is_read_from_the_records_first(tmp_path):
    """A budget that comes into force at six in the morning counts what was spent since midnight."""
    async with database(tmp_path) as store:
        for number in range(50):
            at = int((MORNING - 3600 + number) * 1e9)
            made = request(call=replace(call(), request_id=f"req_{number}", received_ns=at))
            store.add(row(made, "v1"))
    async with database(tmp_path) as store:
        process = Process(store)
        await process.at(0)
        assert process.spent == pytest.approx(5.0)


async def test_a_restart_keeps_the_price(tmp_path):
    """A process that starts charges what the others charge, before its first request."""
    async with database(tmp_path) as store:
        process = Process(store)
        for seconds in (0, 6, 12, 18):
            process.note(100)
            await process.at(seconds)
        late = Process(store)
        await late.at(19)
        assert late.prices == process.prices != Prices()


async def test_without_limits_nothing_is_charged_or_read(tmp_path):
    """The table stays empty; taking limits away ends the price at once."""
    async with database(tmp_path) as store:
        process = Process(store, limits=None)
        process.note(10)
        await process.at(0)
        assert process.prices == Prices()
        async with store.engine.connect() as connection:
            assert (await connection.exec_driver_sql("select count(*) from pacing")).scalar() == 0


async def test_answers_from_the_cache_and_within_the_time_take_nothing(tmp_path):
    """Only routed requests count, and only those above the limit are slow."""
    async with database(tmp_path) as store:
        process = Process(store, Limits(latency_p95_ms=800.0))
        await process.at(0)
        process.note(10, cache="hit")
        process.note(20)
        process.note(3, first_byte_ms=900.0)
        await process.at(1)
        shared = await PacingStore(store.engine).add(0, 0.0, 0)
        assert (shared.requests, shared.slow) == (23, 3)


async def test_a_database_that_fails_is_said_once_and_nothing_is_forgotten(tmp_path, caplog):
    """The prices stay; what was counted in between is added afterwards."""
    async with database(tmp_path) as store:
        process = Process(store)
        await process.at(0)
        process.note(7)
        async with store.engine.begin() as connection:
            await connection.exec_driver_sql("alter table pacing rename to elsewhere")
        with caplog.at_level(logging.ERROR):
            await process.keeper.safe_tick()
            await process.keeper.safe_tick()
        assert caplog.text.count("limits cannot be kept up to date") == 1
        async with store.engine.begin() as connection:
            await connection.exec_driver_sql("alter table elsewhere rename to pacing")
        await process.at(1)
        assert (await PacingStore(store.engine).add(0, 0.0, 0)).requests == 7


async def test_of_two_steps_from_the_same_state_one_counts(tmp_path):
    """What was taken is consumed once, and the price is that of the first; later requests are kept for the next."""
    async with database(tmp_path) as store:
        pacing = PacingStore(store.engine)
        before = await pacing.add(10, 1.0, 0)
        await pacing.add(5, 0.5, 0)
        after = Shared(0, 0.0, 0, MORNING, {}, 2.0, 0.0)
        assert await pacing.step(before, after)
        assert not await pacing.step(before, Shared(0, 0.0, 0, MORNING + 1, {}, 9.0, 0.0))
        shared = await pacing.read()
        assert (shared.requests, shared.usd, shared.shadow_usd) == (5, 0.5, 2.0)
