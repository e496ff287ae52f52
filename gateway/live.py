"""The policy in force: loaded, checked and swapped whole, while requests in flight keep the one they began with."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import watchfiles

from gateway.cache.keys import RoutingInputs, routing_inputs
from gateway.errors import StartupError
from gateway.feedback import Feedback
from gateway.telemetry.cost import Prices
from policies.store import Refused, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.execute.catalogue import Catalogue, Endpoint
    from gateway.telemetry.metrics import Metrics
    from policies.engine import CompiledPolicy
    from policies.findings import Finding
    from policies.labels import Labels
    from policies.model import Policy

log = logging.getLogger("pointsman.policy")


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """A compiled policy with what it needs to act: endpoints and prices of its targets."""

    policy: Policy
    compiled: CompiledPolicy
    endpoints: Mapping[str, Endpoint]
    missing: Mapping[str, str]
    """Target -> what to set before it can be called."""
    prices: Prices
    inputs: RoutingInputs
    warnings: tuple[Finding, ...]
    feedback: Feedback = field(default_factory=Feedback)

    @property
    def version(self) -> str:
        """Names the content of the policy file; on every record, span and response."""
        return self.compiled.version


class PolicyHolder:
    """Holds the policy in force and replaces it when its file changes to another one that is sound."""

    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        labels: Labels,
        local_usd_per_cpu_hour: float,
        metrics: Metrics | None = None,
    ) -> None:
        self.feedback = Feedback()
        """Outlives the policies: what targets and experiments have shown so far."""
        self._path = path
        self._catalogue = catalogue
        self._labels = labels
        self._cpu_price = local_usd_per_cpu_hour
        self._metrics = metrics
        built = self._build()
        if isinstance(built, tuple):
            raise StartupError(built)
        self._current = built
        self.refused: tuple[Finding, ...] = ()
        """Findings of the newest version of the file, while an older one serves."""

    @property
    def current(self) -> LivePolicy:
        """The policy in force now. Take it once a request and pass it on."""
        return self._current

    def reload(self) -> bool:
        """Read the file again; True when a new version is in force. A bad file changes nothing but the log."""
        built = self._build()
        if isinstance(built, tuple):
            self.refused = built
            for finding in built:
                log.error("policy not loaded, %s keeps serving: %s", self._current.version, finding)
            if self._metrics:
                self._metrics.policy_loads.labels("refused").inc()
            return False
        self.refused = ()
        changed = built.version != self._current.version
        self._current = built
        if changed:
            log.info("policy %s is in force", built.version)
            if self._metrics:
                self._metrics.policy_loads.labels("ok").inc()
        return changed

    async def watch(self) -> None:
        """Reload whenever the file changes, until cancelled.

        The folder is watched, because editors and ConfigMaps replace files; what else happens in it costs one `stat`.
        """
        seen = _stamp(self._path)
        async for _ in watchfiles.awatch(self._path.parent, watch_filter=None, debounce=100, recursive=False):
            if (stamp := _stamp(self._path)) != seen:
                seen = stamp
                await asyncio.to_thread(self.reload)

    def _build(self) -> LivePolicy | tuple[Finding, ...]:
        loaded = load(self._path, self._labels)
        if isinstance(loaded, Refused):
            return loaded.findings
        endpoints, missing = self._catalogue.endpoints(loaded.policy)
        prices = Prices(loaded.policy, self._cpu_price)
        inputs = routing_inputs(loaded.policy)
        return LivePolicy(
            loaded.policy, loaded.compiled, endpoints, missing, prices, inputs, loaded.warnings, self.feedback
        )


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    """What changes when a file is written or replaced, also behind a symbolic link; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
