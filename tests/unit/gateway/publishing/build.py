"""A policy file, a holder and a history for tests of publishing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.execute.catalogue import Catalogue
from gateway.live import PolicyHolder
from gateway.publishing.by_file import FileSource
from gateway.publishing.comparing import Comparer
from gateway.records.store import SqlRecordStore
from gateway.records.versions import PolicyVersions
from policies.diff import diff
from policies.labels import Labels
from policies.reason.domain import domain
from tests.unit.gateway.build import POLICY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LABELS = Labels(frozenset({"chat"}), frozenset({"other"}), frozenset())
ROOT = Path(__file__).parents[4]
"""Where a process that imports the code under test has to start."""
Parts = tuple[PolicyHolder, FileSource, PolicyVersions]
OTHER = POLICY.replace("[small, mid]", "[mid]")


def hold(path: Path, kind: type[PolicyHolder] = PolicyHolder) -> PolicyHolder:
    """A holder of the policy at `path`, which is written there when it is not."""
    if not path.exists():
        path.write_text(POLICY)
    return kind(path, Catalogue({}, {}, "unix:///w.sock"), LABELS, 0.04)


def comparer(holder: PolicyHolder) -> Comparer:
    """Compares as a deployment whose classifier can say anything."""
    return Comparer(holder, lambda old, new: diff(old, new, domain(LABELS, {})))


def file_source(holder: PolicyHolder, versions: PolicyVersions, *, shipped: bool = False) -> FileSource:
    """A source whose truth is the holder's file; not started."""
    return FileSource(holder, versions, comparer(holder), shipped=shipped)


@asynccontextmanager
async def history(database: Path, scope: str = "test") -> AsyncIterator[PolicyVersions]:
    """The versions of a scope in a database with all tables."""
    store = SqlRecordStore(f"sqlite+aiosqlite:///{database}", lambda _: None)
    await store.start()
    try:
        yield PolicyVersions(store.engine, scope)
    finally:
        await store.close()


@asynccontextmanager
async def by_file(
    path: Path, *, shipped: bool = False
) -> AsyncIterator[tuple[PolicyHolder, FileSource, PolicyVersions]]:
    """A started source whose truth is the file at `path`; its history lies beside the folder."""
    holder = hold(path)
    async with history(path.parent.parent / "records.db") as versions:
        source = file_source(holder, versions, shipped=shipped)
        await source.start()
        yield holder, source, versions
