"""Policies and processes in a real PostgreSQL, as hosts that share one use it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.publishing.editions import Signature, entry
from gateway.records.processes import Processes
from gateway.records.store import SqlRecordStore
from gateway.records.versions import PolicyVersions, Superseded
from tests.contract.admin import etag, policy, publish, wait_for
from tests.contract.test_convergence import host
from tests.postgres import installed, postgres
from tests.unit.gateway.build import live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BY = Signature("zoë", "warum\nnicht", "api")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a PostgreSQL that is made for these tests."""
    pytest.importorskip("asyncpg", reason="the extra `postgres` is not installed")
    programs = installed()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres(programs) as url:
        yield url


async def test_the_history_is_the_same_as_in_sqlite(database: str) -> None:
    """What is kept comes back, and of ten rivals that build on one version a single one is kept."""
    store = SqlRecordStore(database, lambda _: None)
    await store.start()
    versions = PolicyVersions(store.engine, "a policy")
    first = entry(None, live(), BY)
    await versions.append(first)
    assert await versions.newest() == first
    rivals = [replace(entry(first, live(), BY), author=f"a{number}") for number in range(10)]
    results = await asyncio.gather(*map(versions.append, rivals), return_exceptions=True)
    assert [type(result) for result in results].count(Superseded) == 9
    assert [one.serial for one in await versions.page(5)] == [2, 1]
    await store.close()


async def test_processes_are_seen_while_they_live(database: str) -> None:
    """The last word of each counts; whoever has left is gone at once."""
    engine = create_async_engine(database)
    processes = Processes(engine, "here")
    for process, serves in (("a:1", "v1"), ("b:2", "v1"), ("a:1", "v2")):
        await processes.beat(process, serves)
    assert [(one.process, one.policy) for one in await processes.alive()] == [("a:1", "v2"), ("b:2", "v1")]
    assert all(abs(one.seen - time.time()) < 5 for one in await processes.alive())
    await processes.leave("a:1")
    assert [one.process for one in await processes.alive()] == ["b:2"]
    await engine.dispose()


def test_hosts_agree_by_the_database_alone(database: str, tmp_path: Path) -> None:
    """Without Redis another host serves a publication within two seconds."""
    shared = {"POINTSMAN_DATABASE_URL": database}
    with host(tmp_path, 1, **shared) as one, host(tmp_path, 2, **shared) as two:
        version = publish(one, policy(30)).json()["version"]
        wait_for(two, lambda state: state["policy"] == version, 2.0)
        assert etag(one) == etag(two)
