"""A real PostgreSQL on a free loopback port, where its programs are installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import clean_environ, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


def installed() -> Path | None:
    """The folder with `postgres` and `initdb`, if there is one."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """An empty database: its URL for SQLAlchemy. Nothing is kept, and nothing is synced to disk."""
    # Not pytest's folder: PostgreSQL will not run as root, and its own user may not enter there.
    folder = Path(tempfile.mkdtemp(prefix="pointsman-postgres-"))
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    port, data = free_port(), folder / "data"
    quiet = {
        "env": clean_environ(),
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
    }
    made = [programs / "initdb", "--auth=trust", "--username=test", "--no-sync", "--pgdata", data]
    subprocess.run(made, check=True, **quiet, **as_user)
    run = [
        programs / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        "-k",
        folder,
        "-c",
        "fsync=off",
        "-h",
        "127.0.0.1",
    ]
    server = subprocess.Popen(run, **quiet, **as_user)
    try:
        wait_for(programs, port)
        yield f"postgresql+asyncpg://test@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder)


def wait_for(programs: Path, port: int) -> None:
    deadline = time.monotonic() + 30
    asked = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    while subprocess.run(asked, check=False).returncode != 0:
        assert time.monotonic() < deadline, "PostgreSQL did not start"
        time.sleep(0.1)
