"""When the file is the truth: what is written, what is served, and what the history says of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from gateway.errors import PolicyNotWritable
from gateway.publishing.editions import Signature
from gateway.records.versions import Superseded
from tests.loopback import until
from tests.processes import clean_environ
from tests.unit.gateway.build import POLICY
from tests.unit.gateway.publishing.build import OTHER, ROOT, by_file, file_source, history, hold

ANNA = Signature("anna", "because", "api")
# Dies after the file is in its place and before the process takes it over.
KILLED = """
import asyncio, os, pathlib, sys
from gateway.live import PolicyHolder
from tests.unit.gateway.publishing.build import OTHER, file_source, history, hold
from tests.unit.gateway.publishing.test_by_file import ANNA

class Dying(PolicyHolder):
    def adopt(self, built):
        os.kill(os.getpid(), 9)

async def main(path):
    holder = hold(path, Dying)
    async with history(path.parent.parent / "records.db") as versions:
        source = file_source(holder, versions)
        async with source.turn():
            await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.fixture
def path(tmp_path):
    """Where the policy file is; its folder is there."""
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies" / "p.yaml"


async def test_a_commit_is_written_served_and_signed(path):
    """File, policy in force and history agree."""
    async with by_file(path) as (holder, source, versions):
        async with source.turn():
            assert await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)
        newest = await versions.newest()
        assert path.read_text() == holder.current.text == newest.text == OTHER
        assert (newest.author, newest.reason, newest.serial) == ("anna", "because", 2)
        assert [one.author for one in await versions.page(9)] == ["anna", "file"]


async def test_a_process_killed_between_write_and_swap_has_published(path):
    """The rename is the moment: the next start serves the new file and enters it into the history."""
    async with by_file(path):
        pass
    await asyncio.to_thread(publish_and_die, path)
    assert path.read_text() == OTHER
    async with by_file(path) as (holder, _, versions):
        newest = await versions.newest()
        assert (newest.version, newest.author, newest.serial) == (holder.current.version, "file", 2)


def publish_and_die(path):
    argv = [sys.executable, "-c", KILLED, str(path)]
    done = subprocess.run(argv, env=clean_environ(), cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


async def test_another_policy_in_force_by_now_is_not_replaced(path):
    """What came between is kept, in force and on disk."""
    async with by_file(path) as (holder, source, _):
        upon = holder.current
        path.write_text(OTHER)
        async with source.turn():
            await source.refresh()
            with pytest.raises(Superseded):
                await source.commit(holder.build(POLICY + "# mine\n", "p"), upon, ANNA)
        assert path.read_text() == OTHER


async def test_what_cannot_be_written_changes_nothing(tmp_path):
    """The message says why and what to do, whether it is the folder or the installation's own policy."""
    (tmp_path / "policies").mkdir()
    long = tmp_path / "policies" / f"{'p' * 245}.yaml"
    for path, shipped, words in (
        (long, False, "name too long.*POINTSMAN_POLICY_SOURCE=database"),
        (tmp_path / "policies" / "default.yaml", True, "pointsman policy show.*POINTSMAN_POLICY="),
    ):
        async with by_file(path, shipped=shipped) as (holder, source, versions):
            before = holder.current
            with pytest.raises(PolicyNotWritable, match=words):
                await source.commit(holder.build(OTHER, "p"), before, ANNA)
            assert holder.current is before and path.read_text() == POLICY
            assert len(await versions.page(9)) == 1


async def test_a_history_that_is_away_is_written_later(tmp_path, path):
    """Publishing and edits go on without the database, and the entry keeps its author."""
    holder = hold(path)
    async with history(tmp_path / "records.db") as versions:
        source = file_source(holder, versions)
        (tmp_path / "records.db").rename(tmp_path / "away.db")
        (tmp_path / "records.db").mkdir()
        await versions._engine.dispose()
        async with source.turn():
            assert not await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)
        (tmp_path / "records.db").rmdir()
        (tmp_path / "away.db").rename(tmp_path / "records.db")
        await source.start()
        assert (await versions.newest()).author == "anna"


async def test_no_other_process_signs_what_is_being_published(path):
    """Whoever sees the new file before its entry waits for the publisher to write it."""
    async with by_file(path) as (holder, source, versions):
        async with source.turn():
            path.write_text(OTHER)
            other = asyncio.create_task(file_source(hold(path), versions).start())
            await asyncio.sleep(0.2)
            await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)
        await other
        assert [one.author for one in await versions.page(9)] == ["anna", "file"]


async def test_processes_of_a_host_enter_a_version_once(path):
    """Whoever sees the file first writes the entry; the others find it."""
    async with by_file(path) as (holder, source, versions):
        others = [file_source(hold(path), versions) for _ in range(3)]
        async with source.turn():
            await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)
        for other in others:
            await other.start()
        assert [one.author for one in await versions.page(9)] == ["anna", "file"]


async def test_a_folder_that_cannot_be_watched_is_looked_at(path):
    """The folder is replaced by another one, and what lies in that is served within seconds."""
    async with by_file(path) as (holder, source, _):
        path.unlink()
        path.parent.rmdir()
        following = asyncio.create_task(source.follow())
        await asyncio.sleep(0.2)
        assert not following.done()
        path.parent.mkdir()
        path.write_text(OTHER)
        assert await until(lambda: holder.current.text == OTHER)
        following.cancel()


async def test_a_change_in_an_included_file_is_served(path):
    """Whoever edits only the included file sees it in force, recorded, and with another tag."""
    path.write_text(POLICY + "include: more.yaml\n")
    more = path.parent / "more.yaml"
    more.write_text("rules: []\n")
    async with by_file(path) as (holder, source, _):
        before = holder.current
        more.write_text("rules: [{id: new, when: {tools: true}, then: {steps: [large]}}]\n")
        await source.refresh()
        assert [rule.id for rule in holder.current.policy.rules] == ["new"]
        assert holder.current.version != before.version
        assert holder.current.digest != before.digest
        more.unlink()
        await source.refresh()
        assert "cannot be read" in holder.refused[0].message
        more.write_text("rules: []\n")
        await source.refresh()
        assert (holder.refused, holder.current.version) == ((), before.version)


async def test_a_signature_is_used_once(path):
    """Whoever puts the same text into the file later is not taken for its publisher."""
    async with by_file(path) as (holder, source, versions):
        async with source.turn():
            await source.commit(holder.build(OTHER, "p"), holder.current, ANNA)
        for text in (POLICY, OTHER):
            path.write_text(text)
            await source.start()
        assert [one.author for one in await versions.page(9)] == ["file", "file", "anna", "file"]
