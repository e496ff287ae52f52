"""The policy file is the truth: publishing replaces it, and every process of the host watches it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import watchfiles

from gateway.errors import HistoryUnavailable, PolicyNotWritable
from gateway.publishing import file
from gateway.publishing.editions import Signature, entry
from gateway.publishing.file import Busy, NotReplaceable, exclusive, keep, stamp
from gateway.records.versions import Superseded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.live import LivePolicy, PolicyHolder
    from gateway.publishing.comparing import Comparer
    from gateway.records.versions import PolicyVersions

log = logging.getLogger("pointsman.policy")
_POLL_MS = 1000
_FIRST = Signature("file", "the gateway was started with this file", "file")
_EDITED = Signature("file", "the policy file was edited", "file")


class FileSource:
    """A file that people and `publish` replace. What serves is written into the history, whichever way it came.

    The rename of the file is the moment of publication. The history follows it: a process that is killed in
    between leaves a version whose author is only known as "file".
    """

    def __init__(
        self, holder: PolicyHolder, versions: PolicyVersions, comparer: Comparer, *, shipped: bool
    ) -> None:
        """`shipped`: the file belongs to the installation and is never written to."""
        self._holder = holder
        self._versions = versions
        self._comparer = comparer
        self._shipped = shipped
        self._lock = asyncio.Lock()
        self._seen: tuple[object, ...] = ()
        self._recorded = ""
        self._signed: dict[str, Signature] = {}
        self._unwatched = False
        self._untold = ""

    @property
    def place(self) -> str:
        return str(self._holder.path)

    async def start(self) -> None:
        await self._look()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        try:
            async with exclusive(self._holder.path):
                yield
        except Busy as error:
            raise PolicyNotWritable(
                "Another publication holds the policy file; wait for it to end, then send this again."
            ) from error
        except NotReplaceable as error:
            raise self._not_writable(str(error)) from error

    async def refresh(self) -> None:
        async with self._lock:
            if (found := self._stamps()) != self._seen:
                self._seen = found
                await asyncio.to_thread(self._holder.reload)

    async def commit(self, built: LivePolicy, upon: LivePolicy, signature: Signature) -> bool:
        if self._shipped:
            raise PolicyNotWritable(
                "The shipped policy is in force, which belongs to the installation. Copy it to a file of your own "
                "(`pointsman policy show > policy.yaml`), start with POINTSMAN_POLICY=policy.yaml, and publish again."
            )
        async with self._lock:
            if self._holder.current.digest != upon.digest:
                raise Superseded
            try:
                if self._holder.refused:
                    await asyncio.to_thread(keep, self._holder.path)
                await asyncio.to_thread(file.replace, self._holder.path, built.text.encode())
            except NotReplaceable as error:
                raise self._not_writable(str(error)) from error
            self._signed = {built.digest: signature}
            self._holder.adopt(built)
            self._seen = self._stamps()
        return await self._record()

    async def follow(self) -> None:
        while True:
            try:
                await self._watch()
            except (
                OSError,
                RuntimeError,
            ) as error:  # e.g. the user watches as many folders as the kernel allows
                if not self._unwatched:
                    log.warning("%s cannot be watched (%s); it is looked at every second", self.place, error)
                self._unwatched = True
            await asyncio.sleep(_POLL_MS / 1000)
            await self._look()

    async def _watch(self) -> None:
        """Look whenever something happens in the folder, because editors and ConfigMaps replace files.

        Every second too, for file systems and links that tell nothing. A look costs one `stat`.
        """
        async for _ in watchfiles.awatch(
            self._holder.path.parent, watch_filter=None, debounce=100, recursive=False,
            rust_timeout=_POLL_MS, yield_on_timeout=True,
        ):  # fmt: skip
            await self._look()

    async def _look(self) -> None:
        with contextlib.suppress(Busy, NotReplaceable):
            await self._keep_up()

    def _stamps(self) -> tuple[object, ...]:
        """What changes with the policy file or any that it includes."""
        return tuple((path, stamp(path)) for path in self._holder.files)

    async def _keep_up(self) -> None:
        """Serve what the file says; then, when no publication is under way, see that the history says so."""
        await self.refresh()
        if self._recorded != self._holder.current.digest:
            async with exclusive(self._holder.path):
                await self._record()

    async def _record(self) -> bool:
        """Whether the newest version in the history is what serves; adds it when it is not."""
        live = self._holder.current
        try:
            while not await self._is_recorded(live):
                pass
        except HistoryUnavailable as error:
            if self._untold != live.digest:
                log.warning(
                    "policy %s is in force and not in the history yet: %s", live.version, error.reason
                )
            self._untold = live.digest
            return False
        self._recorded = live.digest
        self._signed = {}
        return True

    async def _is_recorded(self, live: LivePolicy) -> bool:
        """False when a gateway on another host was faster, so that the next serial has to be found anew."""
        newest = await self._versions.newest()
        if newest is None or newest.digest != live.digest:
            signature = self._signed.get(live.digest, _EDITED if newest else _FIRST)
            if signature.changes is None:
                signature = replace(signature, changes=await self._comparer.between(newest, live))
            try:
                await self._versions.append(entry(newest, live, signature))
            except Superseded:
                return False
        self._comparer.remember(live)
        return True

    def _not_writable(self, why: str) -> PolicyNotWritable:
        return PolicyNotWritable(
            f"The policy file cannot be replaced: {why}. Nothing was changed. Let the gateway's user write to that "
            "folder, or edit the file where it comes from (the gateway takes it over by itself), or keep policies in "
            "the database with POINTSMAN_POLICY_SOURCE=database."
        )
