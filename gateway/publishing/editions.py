"""What one publication is: its tag, its signature, and its entry in the history."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.records.versions import PolicyVersion

if TYPE_CHECKING:
    from gateway.live import LivePolicy
    from gateway.records.versions import Changes, Origin

_DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Signature:
    """Who publishes, why, by which way, and what that changes."""

    author: str
    reason: str
    origin: Origin
    changes: Changes | None = None
    """None while it has not been compared."""


def tag(version: str, digest: str) -> str:
    """The strong entity tag of a policy, quotes included: its version, and some digits that every comment changes."""
    return f'"{version}-{digest[:_DIGEST_DIGITS]}"'


def matches(if_match: str, live: LivePolicy) -> bool:
    """Whether an `If-Match` header names the policy in force, by its tag, by its bare version, or by `*`."""
    named = {one.strip() for one in if_match.split(",")}
    return bool(named & {"*", tag(live.version, live.digest), f'"{live.version}"'})


def entry(before: PolicyVersion | None, live: LivePolicy, signature: Signature) -> PolicyVersion:
    """What the history keeps of `live`, published now upon `before`."""
    return PolicyVersion(
        serial=before.serial + 1 if before else 1,
        version=live.version,
        digest=live.digest,
        at=time.time(),
        author=signature.author,
        reason=signature.reason,
        origin=signature.origin,
        changes=signature.changes or {},
        text=live.text,
    )
