"""What changed from one policy to the next: in meaning, and line by line."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from gateway.live import LivePolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.live import PolicyHolder
    from gateway.records.versions import Changes, PolicyVersion
    from policies.diff import Difference
    from policies.model import Policy

    Meaning = Callable[[Policy, Policy], Difference]
    """What an edit from the first to the second changes in meaning, here."""

_LINES = 2_000
_CHANGES = 500
_REMEMBERED = 4
_SOURCE = "policy"


class Comparer:
    """Compares policies as this deployment understands them."""

    def __init__(self, holder: PolicyHolder, meaning: Meaning) -> None:
        self._holder = holder
        self._meaning = meaning
        self._seen: dict[str, Policy] = {}

    def remember(self, live: LivePolicy) -> None:
        """Keep for a while what `live` says, which its text does not tell once a file that it includes has changed."""
        self._seen.pop(live.digest, None)
        self._seen[live.digest] = live.policy
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    async def between(self, before: LivePolicy | PolicyVersion | None, after: LivePolicy) -> Changes:
        """`meaning`, a list of changes with a `message` each, `reroutes` and the `text` in lines.

        Empty without `before`; without the first two when what came before cannot be read here any more.
        """
        if before is None:
            return {}
        return await asyncio.to_thread(self._between, before, after)

    def _between(self, before: LivePolicy | PolicyVersion, after: LivePolicy) -> Changes:
        found: dict[str, object] = {"text": in_lines(before.text or "", after.text)}
        old = before.policy if isinstance(before, LivePolicy) else self._policy(before)
        if old is not None:
            difference = self._meaning(old, after.policy)
            found["reroutes"] = difference.reroutes
            found["meaning"] = [asdict(change) for change in difference.changes[:_CHANGES]]
        return found

    def _policy(self, version: PolicyVersion) -> Policy | None:
        if (seen := self._seen.get(version.digest)) is not None:
            return seen
        built = self._holder.build(version.text or "", _SOURCE)
        return built.policy if isinstance(built, LivePolicy) and built.version == version.version else None


def in_lines(before: str, after: str) -> str:
    """A unified diff of two texts, cut when it is long."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    shown = list(islice(lines, _LINES + 1))
    if len(shown) > _LINES:
        shown[-1] = f"(only the first {_LINES} lines are shown)"
    return "\n".join(shown)
