"""Publishing: check, build, make it the truth, swap. Either all of it happens or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.errors import (
    HistoryUnavailable,
    PolicyChanged,
    PolicyRefused,
    PreconditionMissing,
    UnknownVersion,
)
from gateway.publishing.comparing import in_lines
from gateway.publishing.editions import Signature, matches, tag
from gateway.records.versions import Superseded
from policies.findings import Finding, quote
from policies.store import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.live import LivePolicy, PolicyHolder
    from gateway.publishing.comparing import Comparer
    from gateway.publishing.source import Source
    from gateway.records.versions import Changes, PolicyVersion, PolicyVersions
    from policies.store import Loaded

    Judge = Callable[[Loaded | Refused], tuple[Finding, ...]]
    """Everything that is found about a policy; refuses it by an error."""

_SUBMITTED = "policy"
"""Stands for the path in findings about a text that came over the network; files that it includes have their own."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did."""

    live: LivePolicy
    before: LivePolicy
    changes: Changes
    unchanged: bool
    """The same text was in force already; nothing was done."""
    recorded: bool
    """The history has it; else it is written there as soon as the database answers."""
    findings: tuple[Finding, ...] = ()
    """Warnings about what is in force now."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What would happen if a text were published."""

    version: str | None
    """None when it would be refused."""
    findings: tuple[Finding, ...]
    changes: Changes


class Publisher:
    """Reads and replaces the policy of this process, wherever the truth about it lies."""

    def __init__(
        self, holder: PolicyHolder, source: Source, versions: PolicyVersions, comparer: Comparer
    ) -> None:
        self._holder = holder
        self._source = source
        self._versions = versions
        self._comparer = comparer

    @property
    def place(self) -> str:
        """Where the truth about the policy lies: a path, or `database`."""
        return self._source.place

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Why a newer version is not in force; empty when there is none."""
        return self._holder.refused

    async def current(self) -> tuple[LivePolicy, PolicyVersion | None]:
        """The policy in force after a look at the truth, and its entry in the history, if that can be read."""
        try:
            await self._source.refresh()
            live = self._holder.current
            found = await self._versions.find(live.version)
        except HistoryUnavailable:
            return self._holder.current, None
        return live, found if found is not None and found.digest == live.digest else None

    async def check(self, text: str, judge: Judge) -> Checked:
        """What publishing `text` would do; changes nothing."""
        built, findings = await asyncio.to_thread(self._judged, text, judge)
        current = self._holder.current
        if built is None:
            return Checked(None, findings, {"text": in_lines(current.text, text)})
        return Checked(built.version, findings, await self._comparer.between(current, built))

    async def publish(self, text: str, if_match: str | None, signature: Signature, judge: Judge) -> Published:
        """Put `text` in force upon the policy that `if_match` names, unless `judge` finds an error.

        Raises `PreconditionMissing`, `PolicyChanged`, `PolicyRefused` with every finding, and what the source raises.
        """
        if not if_match:
            raise PreconditionMissing(
                "Say which policy the edit began with: send `If-Match` with the ETag of `GET /admin/v1/policy`.",
                param="if-match",
            )
        await self._source.refresh()
        await self._expect(if_match)
        built, findings = await asyncio.to_thread(self._judged, text, judge)
        if built is None:
            raise refused(findings)
        return replace(await self._replace(built, if_match, signature), findings=findings)

    async def rollback(self, name: str, if_match: str | None, author: str, reason: str) -> Published:
        """Put an earlier version in force again. Raises `UnknownVersion`, and as `publish` does.

        Without `if_match` whatever is in force is replaced. It was in force before, so its cases are not run again.
        """
        found = await self.version(name)
        built = await asyncio.to_thread(self._holder.build, found.text or "", _SUBMITTED)
        if isinstance(built, tuple):
            raise refused(built)
        if built.files and built.version != found.version:
            raise refused((_included_since(found.version, built),))
        return await self._replace(built, if_match or "*", Signature(author, reason, "rollback"))

    async def versions(self, limit: int, before: int | None) -> list[PolicyVersion]:
        """A page of the history, the newest first."""
        return await self._versions.page(limit, before)

    async def version(self, name: str) -> PolicyVersion:
        """The latest publication of this version; raises `UnknownVersion`."""
        found = await self._versions.find(name)
        if found is None:
            raise UnknownVersion(
                f"No policy of version {quote(name)} was ever in force here; "
                "`GET /admin/v1/policy/versions` lists those that were.",
                param="version",
            )
        return found

    async def _replace(self, built: LivePolicy, if_match: str, signature: Signature) -> Published:
        async with self._source.turn():
            await self._source.refresh()
            await self._expect(if_match)
            before = self._holder.current
            changed = await self._comparer.between(before, built)
            if built.digest == before.digest and not self._holder.refused:
                return Published(before, before, changed, unchanged=True, recorded=True)
            try:
                recorded = await self._source.commit(built, before, replace(signature, changes=changed))
            except Superseded:
                await self._source.refresh()
                raise await self._changed(if_match) from None
        return Published(built, before, changed, unchanged=False, recorded=recorded)

    async def _expect(self, if_match: str) -> None:
        if not matches(if_match, self._holder.current):
            raise await self._changed(if_match)

    async def _changed(self, if_match: str) -> PolicyChanged:
        """The error that shows what is in force instead, who put it there, and what it changed."""
        live, found = await self.current()
        who = f" by {quote(found.author)} ({quote(found.reason)})" if found else ""
        base = await self._base(if_match)
        return PolicyChanged(
            f"Policy `{live.version}` was published{who} and is in force, not the one that `If-Match` names. Nothing "
            "was changed. Look at `changes`, take them over into your edit, and publish it upon the ETag `current`.",
            details={
                "current": tag(live.version, live.digest),
                "changes": await self._comparer.between(base, live) or None,
            },
        )

    async def _base(self, if_match: str) -> PolicyVersion | None:
        """The version that `If-Match` names, where the history knows it."""
        name = if_match.partition(",")[0].strip().strip('"').partition("-")[0]
        try:
            return await self._versions.find(name)
        except HistoryUnavailable:
            return None

    def _judged(self, text: str, judge: Judge) -> tuple[LivePolicy | None, tuple[Finding, ...]]:
        """The policy, None when anything about it is an error, and every finding."""
        found = self._holder.parse(text, _SUBMITTED)
        findings = judge(found)
        if isinstance(found, Refused) or any(finding.severity == "error" for finding in findings):
            return None, findings
        return self._holder.make(found), findings


def refused(findings: tuple[Finding, ...]) -> PolicyRefused:
    """The error that lists every finding."""
    errors = [finding for finding in findings if finding.severity == "error"]
    first = errors[0]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return PolicyRefused(
        f"The policy was not published, {first.path}:{first.line}:{first.column}: {first.message}{more}. "
        "Correct what `findings` lists; `POST /admin/v1/policy/check` tries it without publishing.",
        details={"findings": [as_json(finding) for finding in findings]},
    )


def _included_since(version: str, built: LivePolicy) -> Finding:
    """A text alone does not bring back what it included."""
    files = ", ".join(quote(file.name) for file in built.files)
    message = f"with {files} as they are now this is version `{built.version}`, not `{version}`; put them back first"
    return Finding("error", _SUBMITTED, 1, 1, message)


def as_json(finding: Finding) -> dict[str, object]:
    """A finding for programs."""
    return {
        name: getattr(finding, name)
        for name in ("severity", "path", "line", "column", "message", "rule", "check")
    }
