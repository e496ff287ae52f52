"""The parts of publishing put together for one gateway process."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.publishing.by_database import SHARED, DatabaseSource
from gateway.publishing.by_file import FileSource
from gateway.publishing.comparing import Comparer
from gateway.publishing.fleet import Fleet
from gateway.publishing.publisher import Publisher
from gateway.records.processes import Processes
from gateway.records.versions import PolicyVersions
from policies.by_name import is_shipped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.live import PolicyHolder
    from gateway.publishing.comparing import Meaning
    from gateway.publishing.source import Bell, Source
    from gateway.settings import Settings

_SCOPE_WIDTH = 512
"""The column of it in the database."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """What keeps the policy of a process in step, and replaces it."""

    publisher: Publisher
    source: Source
    fleet: Fleet
    bell: Bell | None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the truth and say what is served, until the block ends. `source.start` comes first."""
        tasks = [
            asyncio.create_task(self.source.follow(), name="policy"),
            asyncio.create_task(self.fleet.run(), name="fleet"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.fleet.leave()
            if self.bell is not None:
                await self.bell.close()


def assemble(settings: Settings, holder: PolicyHolder, engine: AsyncEngine, meaning: Meaning) -> Publishing:
    """Publishing for the policy that `holder` holds, with its history in the database behind `engine`.

    `meaning` says what one policy changes against another.
    """
    shared = settings.policy_source == "database"
    # Not resolved: a ConfigMap's link points to another folder after every change.
    scope = SHARED if shared else str(holder.path.absolute())[-_SCOPE_WIDTH:]
    versions = PolicyVersions(engine, scope)
    comparer = Comparer(holder, meaning)
    bell = _bell(settings) if shared else None
    source: Source
    if shared:
        source = DatabaseSource(holder, versions, bell)
    else:
        source = FileSource(
            holder, versions, comparer, shipped=settings.policy is None or is_shipped(settings.policy)
        )
    fleet = Fleet(Processes(engine, scope), lambda: holder.current.version)
    return Publishing(Publisher(holder, source, versions, comparer), source, fleet, bell)


def _bell(settings: Settings) -> Bell | None:
    if settings.redis_url is None:
        return None
    from gateway.cache.redis import RedisBell

    return RedisBell(settings.redis_url.get_secret_value(), "policy")
