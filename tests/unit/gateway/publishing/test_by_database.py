"""When the database is the truth: what begins it, what wins, and what a process does that cannot follow."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from gateway.cli.startup import check
from gateway.errors import StartupError
from gateway.publishing.by_database import SHARED, DatabaseSource
from gateway.publishing.editions import Signature, entry
from gateway.records.versions import Superseded
from gateway.settings import Settings
from tests.loopback import until
from tests.unit.gateway.build import POLICY, live
from tests.unit.gateway.publishing.build import OTHER, history, hold

ANNA = Signature("anna", "because", "api")
NEWER_RELEASE = POLICY.replace("version: 1", "version: 2")


@asynccontextmanager
async def hosts(folder, count=1):
    """Started sources of so many hosts that share a history, each with a file and a holder of its own."""
    async with history(folder / "shared.db", SHARED) as versions:
        made = []
        for number in range(count):
            holder = hold(folder / f"{number}.yaml")
            source = DatabaseSource(holder, versions, None)
            await source.start()
            made.append((holder, source))
        yield versions, made


def newcomer(folder, versions):
    holder = hold(folder / "new.yaml")
    return DatabaseSource(holder, versions, None)


async def put(versions, text):
    """A version from a gateway that understands `text`, whether this one does or not."""
    newest = await versions.newest()
    made = entry(newest, live(), ANNA)
    await versions.append(
        type(made)(**{name: getattr(made, name) for name in made.__slots__} | {"text": text})
    )


async def test_a_publication_reaches_the_others_and_no_file(tmp_path):
    """The next look of another host finds it; the files stay as they were."""
    async with hosts(tmp_path, 2) as (versions, [(here, source), (there, other)]):
        await source.commit(here.build(OTHER, "p"), here.current, ANNA)
        await other.refresh()
        assert here.current.text == there.current.text == OTHER
        assert [one.author for one in await versions.page(9)] == ["anna", "file"]
    assert {path.read_text() for path in tmp_path.glob("*.yaml")} == {POLICY}


async def test_of_two_hosts_that_publish_upon_one_version_one_is_told(tmp_path):
    """Even when neither has seen the other's: the key of the table decides."""
    async with hosts(tmp_path, 2) as (versions, [(here, source), (there, other)]):
        await source.commit(here.build(OTHER, "p"), here.current, ANNA)
        with pytest.raises(Superseded):
            await other.commit(there.build(POLICY + "# mine\n", "p"), there.current, ANNA)
        assert len(await versions.page(9)) == 2 and there.current.text == POLICY


async def test_a_version_that_cannot_be_loaded_changes_nothing(tmp_path):
    """The process keeps what it serves and says why; the next version that it understands is taken."""
    async with hosts(tmp_path) as (versions, [(holder, source)]):
        before = holder.current
        await put(versions, NEWER_RELEASE)
        await source.refresh()
        assert holder.current is before and holder.refused
        await put(versions, OTHER)
        await source.refresh()
        assert holder.current.text == OTHER and not holder.refused


async def test_a_process_does_not_start_with_another_policy_than_the_one_in_force(tmp_path):
    """A version it cannot load, and a database that is away, are findings."""
    async with hosts(tmp_path) as (versions, _):
        await put(versions, NEWER_RELEASE)
        with pytest.raises(StartupError) as raised:
            await newcomer(tmp_path, versions).start()
        assert "version" in str(raised.value.findings[0])
        await versions._engine.dispose()
        for path in tmp_path.glob("shared.db*"):
            path.unlink()
        (tmp_path / "shared.db").mkdir()
        with pytest.raises(StartupError) as raised:
            await newcomer(tmp_path, versions).start()
        assert "cannot be reached" in raised.value.findings[0].message


async def test_a_process_follows_through_an_outage(tmp_path):
    """The database comes back, and so does what was published meanwhile."""
    async with hosts(tmp_path) as (versions, [(holder, source)]):
        following = asyncio.create_task(source.follow())
        (tmp_path / "shared.db").rename(tmp_path / "away.db")
        (tmp_path / "shared.db").mkdir()
        await versions._engine.dispose()
        await asyncio.sleep(1.2)
        (tmp_path / "shared.db").rmdir()
        (tmp_path / "away.db").rename(tmp_path / "shared.db")
        await put(versions, OTHER)
        assert await until(lambda: holder.current.text == OTHER)
        assert not following.done()
        following.cancel()


def test_serve_starts_the_models_of_the_policy_in_force(tmp_path):
    """Not those of the file, which counts no more."""

    async def publish():
        async with hosts(tmp_path) as (_, [(holder, source)]):
            await source.commit(
                holder.build(POLICY.replace("smollm2", "other-model"), "p"), holder.current, ANNA
            )

    asyncio.run(publish())
    settings = Settings(
        policy=tmp_path / "0.yaml",
        policy_source="database",
        database_url=f"sqlite+aiosqlite:///{tmp_path}/shared.db",
    )
    plan = check(settings, "127.0.0.1")
    assert {"sentiment", "other-model"} <= set(plan.models)
    assert plan.policy_place == "from the database"
