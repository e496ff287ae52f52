"""The newest version in the database is the truth, for gateways on several hosts; the file only begins it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from gateway.errors import HistoryUnavailable, StartupError
from gateway.publishing.editions import Signature, entry
from gateway.records.versions import Superseded
from policies.findings import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.live import LivePolicy, PolicyHolder
    from gateway.publishing.source import Bell
    from gateway.records.versions import PolicyVersion, PolicyVersions

log = logging.getLogger("pointsman.policy")
SHARED = "shared"
"""The scope in the history of all that take their policy from the database."""
_POLL_S = 1.0
_BACK_UP_S = 5.0
_SOURCE = "policy"
_SEED = Signature("file", "the policy file began the history", "file")


class DatabaseSource:
    """Versions in a table. The insert of a row is the moment of publication, and its key lets only one succeed."""

    def __init__(self, holder: PolicyHolder, versions: PolicyVersions, bell: Bell | None) -> None:
        self._holder = holder
        holder.folder = None  # another host has other files, or none
        self._versions = versions
        self._bell = bell
        self._lock = asyncio.Lock()
        self._newest: PolicyVersion | None = None

    @property
    def place(self) -> str:
        return "database"

    async def start(self) -> None:
        seed = self._holder.current
        try:
            if await self._versions.newest() is None:
                with contextlib.suppress(Superseded):  # another process began it
                    await self._versions.append(entry(None, seed, _SEED))
            await self.refresh()
        except HistoryUnavailable as error:
            reason = f"the policy is in the database, which cannot be reached: {error.reason}"
            raise StartupError([Finding("error", "environment", 1, 1, reason)]) from error
        if self._holder.refused:
            raise StartupError(self._holder.refused)
        if self._holder.current.digest != seed.digest:
            log.warning(
                "policy %s from the database is in force, and `%s` says something else; "
                "to put the file in force: pointsman policy publish %s --reason ...",
                self._holder.current.version, self._holder.path, self._holder.path,
            )  # fmt: skip

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        yield  # the key of the table decides between publications

    async def refresh(self) -> None:
        listed = await self._versions.page(1)  # without its text, which is seldom new
        if not listed or not self._is_news(listed[0]):
            return
        newest = await self._versions.newest()
        async with self._lock:
            if newest is None or not self._is_news(newest):
                return
            built = await asyncio.to_thread(self._holder.build, newest.text or "", _SOURCE)
            self._newest = newest
            if isinstance(built, tuple):
                self._holder.refuse(built)
            else:
                self._holder.adopt(built)

    def _is_news(self, version: PolicyVersion) -> bool:
        return self._newest is None or version.serial > self._newest.serial

    async def commit(self, built: LivePolicy, upon: LivePolicy, signature: Signature) -> bool:
        async with self._lock:
            if self._holder.current.digest != upon.digest:
                raise Superseded
            made = entry(self._newest, built, signature)
            await self._versions.append(made)
            self._newest = made
            self._holder.adopt(built)
        if self._bell is not None:
            await self._bell.ring()
        return True

    async def follow(self) -> None:
        reachable = True
        while True:
            await self._pause()
            try:
                await self.refresh()
            except HistoryUnavailable as error:
                if reachable:
                    log.warning(
                        "policy %s keeps serving, newer ones cannot be reached: %s",
                        self._holder.current.version,
                        error.reason,
                    )
                reachable = False
            else:
                reachable = True

    async def _pause(self) -> None:
        """Until there may be something new: told by the bell, found by looking, whichever comes first."""
        if self._bell is None:
            await asyncio.sleep(_POLL_S)
        else:
            await self._bell.wait(_BACK_UP_S)
