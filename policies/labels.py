"""What a policy is read against: the names a classifier knows, and what is known of targets' confidences."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.acceptance import NothingGraded, Releases


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of the heads and names of the ability vectors; an empty set is not checked against."""

    tasks: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    releases: Releases = field(default_factory=NothingGraded)
    """What `accept: {risk: ...}` comes to for each target."""
