"""A file that is replaced whole: readers, and a process killed at any moment, see the old or the new one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_S = 0.02
_LEFTOVER_S = 60.0


class NotReplaceable(Exception):
    """The file cannot be replaced and is unchanged; the message says why, to go into a sentence."""


class Busy(Exception):
    """Somebody else is replacing the file."""


def replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of the file at `path`: durable, with its permissions, through symbolic links.

    Raises `NotReplaceable`.
    """
    target = path.resolve()
    try:
        _remove_leftovers(target)
        temporary = _write_beside(target, content)
        try:
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)
    except OSError as error:
        raise NotReplaceable(_why(error, target)) from error


def keep(path: Path) -> None:
    """Copy the file at `path` to a neighbour that ends in `.refused`, when there is one; raises `NotReplaceable`."""
    target = path.resolve()
    try:
        shutil.copy2(target, target.with_name(f"{target.name}.refused"))
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotReplaceable(_why(error, target)) from error


@contextlib.asynccontextmanager
async def exclusive(path: Path, patience_s: float = 5.0) -> AsyncIterator[None]:
    """Hold the folder of the file at `path` against every other process of this host that asks the same.

    The lock is the kernel's and ends with the process. Raises `Busy` after `patience_s`, `NotReplaceable` when the
    folder is not there.
    """
    folder = _open_folder(path)
    try:
        deadline = time.monotonic() + patience_s
        while not _locked(folder):
            if time.monotonic() > deadline:
                raise Busy
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(folder)


def stamp(path: Path) -> tuple[int, int, int, int] | None:
    """What changes when a file is written or replaced, also behind a symbolic link; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _open_folder(path: Path) -> int:
    target = path.resolve()
    try:
        return os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NotReplaceable(_why(error, target)) from error


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: one process a host is safe all the same
    return True


def _write_beside(target: Path, content: bytes) -> Path:
    """A synced temporary file with `content` in the folder of `target`, with its owner and permissions."""
    descriptor, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
    temporary = target.parent / name
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            _like(target, file.fileno())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _like(target: Path, descriptor: int) -> None:
    try:
        found = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    with contextlib.suppress(PermissionError):  # only root may give files away
        os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, found.st_mode & 0o7777)


def _sync(folder: Path) -> None:
    """Make a rename durable where the file system can; it has happened either way."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(target: Path) -> None:
    """Temporary files of processes that were killed while they wrote."""
    for leftover in target.parent.iterdir():
        if not leftover.name.startswith(_prefix(target)):
            continue
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_S:
                leftover.unlink()


def _prefix(target: Path) -> str:
    return f".{target.name}.new-"


def _why(error: OSError, target: Path) -> str:
    if error.errno == errno.EBUSY:
        return f"`{target}` is a mount of its own; mount its folder instead of the file"
    reason = (error.strerror or type(error).__name__).lower()
    return f"{reason} in the folder `{target.parent}`"
