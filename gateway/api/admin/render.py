"""From what publishing knows to what the admin API shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.api.admin.models import FindingOut, PolicyOut, PublishedOut, VersionOut, VersionText
from gateway.publishing.editions import tag
from gateway.publishing.publisher import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.live import LivePolicy
    from gateway.publishing.publisher import Published, Publisher
    from gateway.records.versions import PolicyVersion
    from policies.findings import Finding


def policy(live: LivePolicy, entry: PolicyVersion | None, publisher: Publisher) -> PolicyOut:
    """The policy in force."""
    return PolicyOut(
        version=live.version,
        etag=tag(live.version, live.digest),
        text=live.text,
        place=publisher.place,
        published=listed(entry) if entry else None,
        findings=findings(live.warnings),
        refused=[str(finding) for finding in publisher.refused],
    )


def published(done: Published) -> PublishedOut:
    """What a publication did."""
    return PublishedOut(
        version=done.live.version,
        etag=tag(done.live.version, done.live.digest),
        previous=done.before.version,
        unchanged=done.unchanged,
        recorded=done.recorded,
        changes=dict(done.changes),
        findings=findings(done.findings),
    )


def listed(version: PolicyVersion) -> VersionOut:
    """A version without its text."""
    return VersionOut(
        serial=version.serial,
        version=version.version,
        etag=tag(version.version, version.digest),
        at=datetime.fromtimestamp(version.at, UTC).isoformat(timespec="milliseconds"),
        author=version.author,
        reason=version.reason,
        origin=version.origin,
        changes=dict(version.changes),
    )


def with_text(version: PolicyVersion) -> VersionText:
    """A version with its text."""
    return VersionText(**listed(version).model_dump(), text=version.text or "")


def findings(found: Iterable[Finding]) -> list[FindingOut]:
    """Findings in the order given."""
    return [FindingOut.model_validate(as_json(finding)) for finding in found]
