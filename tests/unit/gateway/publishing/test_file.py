"""A file is replaced whole or not at all, whatever happens to the process or the folder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from gateway.publishing.file import Busy, NotReplaceable, exclusive, keep, replace, stamp
from tests.processes import clean_environ
from tests.unit.gateway.publishing.build import ROOT

REPLACE_FOREVER = """
import itertools, pathlib, sys
from gateway.publishing.file import replace
path = pathlib.Path(sys.argv[1])
for number in itertools.count():
    replace(path, (b"odd\\n", b"even\\n")[number % 2] * 20_000)
    print(number, flush=True)
"""


def test_links_and_permissions_stay(tmp_path):
    """The link still points to the file, which has the new content and the old mode; a reader ends with the old."""
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("old")
    real.chmod(0o604)
    link.symlink_to(real)
    with real.open("rb") as reading:
        replace(link, b"new")
        assert reading.read() == b"old"
    assert link.is_symlink() and real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o604
    assert {path.name for path in tmp_path.iterdir()} == {"real.yaml", "link.yaml"}


def test_a_process_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    """kill -9 into the middle of replacing: the old or the new content, and a later write removes what was left."""
    path = tmp_path / "p.yaml"
    path.write_bytes(b"odd\n" * 20_000)
    for delay in (0.0, 0.003, 0.007):
        argv = [sys.executable, "-c", REPLACE_FOREVER, str(path)]
        with subprocess.Popen(argv, env=clean_environ(), cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert path.read_bytes() in (b"odd\n" * 20_000, b"even\n" * 20_000)
    for leftover in tmp_path.glob(".p.yaml.new-*"):
        os.utime(leftover, (0, 0))
    replace(path, b"after")
    assert [found.name for found in tmp_path.iterdir()] == ["p.yaml"]


def test_a_folder_that_takes_nothing_is_said_plainly(tmp_path):
    """Why and where; the file is as it was."""
    long = tmp_path / ("p" * 250)
    long.write_text("old")
    with pytest.raises(NotReplaceable, match="file name too long in the folder"):
        replace(long, b"new")
    with pytest.raises(NotReplaceable, match="no such file or directory"):
        replace(tmp_path / "absent" / "p.yaml", b"new")
    assert long.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_said_plainly(tmp_path):
    """The usual case: the gateway's user may read the policy and no more."""
    (tmp_path / "p.yaml").write_text("old")
    tmp_path.chmod(0o500)
    with pytest.raises(NotReplaceable, match="permission denied"):
        replace(tmp_path / "p.yaml", b"new")


async def test_one_at_a_time(tmp_path):
    """The second waits for the first, and not for ever."""
    path = tmp_path / "p.yaml"
    async with exclusive(path):
        with pytest.raises(Busy):
            async with exclusive(path, patience_s=0.05):
                pass
        waiting = asyncio.create_task(enter(path))
        await asyncio.sleep(0.03)
        assert not waiting.done()
    await waiting


async def enter(path):
    async with exclusive(path):
        pass


def test_a_refused_text_is_kept_beside(tmp_path):
    """Under a name of its own; a file that is gone leaves nothing to keep."""
    path = tmp_path / "p.yaml"
    keep(path)
    path.write_text("broken")
    keep(path)
    assert (tmp_path / "p.yaml.refused").read_text() == "broken"


def test_a_stamp_changes_with_every_replacement(tmp_path):
    """Also for equal content, and behind a link; a file that is gone has none."""
    path, link = tmp_path / "p.yaml", tmp_path / "l.yaml"
    link.symlink_to(path)
    assert stamp(link) is None
    path.write_text("one")
    before = stamp(link)
    replace(path, b"one")
    assert before is not None and stamp(link) != before
