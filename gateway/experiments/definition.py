"""What an experiment is: as long as this stays the same, its evidence adds up and a stop stands."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from gateway.types import Call
    from policies.model import Experiment, Policy


class Definition(msgspec.Struct, frozen=True):
    """An experiment of a policy, with what its evidence depends on. The share is not part of it: it may be raised."""

    id: str
    kind: str
    sticky: str
    control: str | None = None
    """The target that it is compared with, by name."""
    treatment: str | None = None
    models: tuple[str, ...] = ()
    """What stands behind the two targets: another model is another experiment."""
    inferior_by: float | None = None
    confidence: float = 0.95
    max_usd: float | None = None

    @property
    def digest(self) -> str:
        """16 hex digits that name this definition."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    @property
    def compares(self) -> bool:
        """Whether it has two arms of answers to compare; `explore` and `shadow` have not."""
        return self.kind in ("canary", "ab")

    @property
    def pairs(self) -> bool:
        """Whether both targets get the same requests, so that each is compared with itself."""
        return self.kind == "shadow"


class Running(msgspec.Struct, frozen=True):
    """An experiment under a policy in force."""

    definition: Definition
    digest: str
    share: float

    def unit(self, call: Call) -> str | None:
        """What was drawn, as a digest, if requests stay together; None if each is drawn by itself."""
        match self.definition.sticky:
            case "key":
                value = call.caller.key
            case "tenant":
                value = call.caller.tenant
            case "session":
                session = call.metadata.get("session_id") or call.headers.get("x-session-id", "")
                value = session and f"{call.caller.tenant} {session}"
            case _:
                return None
        if not value:
            return None
        return hashlib.blake2b(f"{self.digest}:{value}".encode(), digest_size=8).hexdigest()


def running(policy: Policy) -> dict[str, Running]:
    """The experiments of a policy by id."""
    found = {}
    for experiment in policy.experiments:
        definition = _definition(experiment, policy)
        found[experiment.id] = Running(definition, definition.digest, experiment.share)
    return found


def _definition(experiment: Experiment, policy: Policy) -> Definition:
    targets = [policy.targets[name] for name in (experiment.from_, experiment.to) if name in policy.targets]
    stop = experiment.stop_if
    return Definition(
        id=experiment.id,
        kind=experiment.kind,
        sticky=experiment.sticky,
        control=experiment.from_,
        treatment=experiment.to,
        models=tuple(f"{target.kind}:{target.model}" for target in targets),
        inferior_by=stop.inferior_by if stop else None,
        confidence=stop.confidence if stop else 0.95,
        max_usd=experiment.max_usd,
    )
