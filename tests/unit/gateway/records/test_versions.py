"""The history of policies: append only, one winner, each scope for itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import HistoryUnavailable
from gateway.publishing.editions import Signature, entry
from gateway.records.versions import PolicyVersions, Superseded
from tests.unit.gateway.build import live
from tests.unit.gateway.publishing.build import history

BY = Signature("zoë", "why\nnot", "api")


async def test_what_is_kept_comes_back(tmp_path):
    """Every field, text and changes included, of the newest and of any earlier version."""
    first = entry(None, live(), BY)
    second = entry(first, live(), BY)
    async with history(tmp_path / "h.db") as versions:
        assert await versions.newest() is None
        await versions.append(first)
        await versions.append(second)
        assert await versions.newest() == second
        assert await versions.find(first.version) == second, "the latest publication of this version"
        assert await versions.page(9) == [replace(second, text=None), replace(first, text=None)]
        assert await versions.page(1, before=2) == [replace(first, text=None)]
        assert await versions.find("nope") is None


async def test_of_many_that_build_on_one_a_single_one_is_kept(tmp_path):
    """The key decides, not the order of reading."""
    first = entry(None, live(), BY)
    async with history(tmp_path / "h.db") as versions:
        await versions.append(first)
        rivals = [replace(entry(first, live(), BY), author=f"a{number}") for number in range(5)]
        results = await asyncio.gather(*map(versions.append, rivals), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["Superseded"] * 4
        kept = await versions.newest()
        assert results[[rival.author for rival in rivals].index(kept.author)] is None
        with pytest.raises(Superseded):
            await versions.append(first)


async def test_scopes_do_not_meet(tmp_path):
    """Two policy files in one database have a history each."""
    async with history(tmp_path / "h.db", "a") as one:
        await one.append(entry(None, live(), BY))
        assert await PolicyVersions(one._engine, "b").newest() is None


async def test_a_database_that_is_away_is_said_plainly(tmp_path):
    """503 with the driver's reason, whatever is asked of it."""
    async with history(tmp_path / "h.db") as versions:
        await versions._engine.dispose()
        (tmp_path / "h.db").unlink()
        (tmp_path / "h.db").mkdir()
        for asked in (versions.newest(), versions.page(3), versions.append(entry(None, live(), BY))):
            with pytest.raises(HistoryUnavailable, match="unable to open database file"):
                await asked
