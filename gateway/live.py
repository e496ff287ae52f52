"""The policy in force: loaded, checked and swapped whole, while requests in flight keep the one they began with."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.cache.keys import RoutingInputs, routing_inputs
from gateway.errors import StartupError
from gateway.feedback import Feedback
from gateway.telemetry.cost import Prices
from policies.store import Refused, load, loads

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.execute.catalogue import Catalogue, Endpoint
    from gateway.telemetry.metrics import Metrics
    from policies.engine import CompiledPolicy
    from policies.findings import Finding
    from policies.labels import Labels
    from policies.model import Policy
    from policies.store import Loaded

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
    text: str = ""
    """The file as it was read, comments and all."""
    included: tuple[str, ...] = ()
    """What it includes, in the same way."""
    files: tuple[Path, ...] = ()
    """Where that stands."""

    @property
    def digest(self) -> str:
        """SHA-256 of all text in hex: unlike the version it changes with every comment."""
        return text_digest("\x00".join((self.text, *self.included)))

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
        self.path = path
        self.folder: Path | None = path.parent
        """Where included files are read; None where a policy has to stand alone."""
        self.files: tuple[Path, ...] = (path,)
        """The file and what it includes, as of the last reading: when one changes, it is time to read again."""
        self._catalogue = catalogue
        self.labels = labels
        """What policies are read against."""
        self._cpu_price = local_usd_per_cpu_hour
        self._metrics = metrics
        built = self._read()
        if isinstance(built, tuple):
            raise StartupError(built)
        self._current = built
        self.refused: tuple[Finding, ...] = ()
        """Findings of the newest version, while an older one serves."""

    @property
    def current(self) -> LivePolicy:
        """The policy in force now. Take it once a request and pass it on."""
        return self._current

    def reload(self) -> bool:
        """Read the file again; True when a new version is in force. A bad file changes nothing but the log."""
        built = self._read()
        if isinstance(built, tuple):
            self.refuse(built)
            return False
        return self.adopt(built)

    def build(self, text: str, source: str) -> LivePolicy | tuple[Finding, ...]:
        """What `text` would be if it came into force, or everything that is wrong with it; changes nothing.

        `source` stands for the path in findings.
        """
        return self._built(self.parse(text, source))

    def parse(self, text: str, source: str) -> Loaded | Refused:
        """`text` as a policy of this deployment, with its findings; changes nothing."""
        return loads(text, source, self.labels, folder=self.folder)

    def adopt(self, built: LivePolicy) -> bool:
        """Put `built` in force; True when that is another version."""
        self.refused = ()
        self.files = (self.path, *built.files)
        changed = built.version != self._current.version
        self._current = built
        if changed:
            log.info("policy %s is in force", built.version)
            if self._metrics:
                self._metrics.policy_loads.labels("ok").inc()
        return changed

    def refuse(self, findings: tuple[Finding, ...]) -> None:
        """Say why the newest version is not in force; the one that serves goes on."""
        self.refused = findings
        for finding in findings:
            log.error("policy not loaded, %s keeps serving: %s", self._current.version, finding)
        if self._metrics:
            self._metrics.policy_loads.labels("refused").inc()

    def _read(self) -> LivePolicy | tuple[Finding, ...]:
        loaded = load(self.path, self.labels)
        self.files = (self.path, *loaded.files)
        return self._built(loaded)

    def _built(self, loaded: Loaded | Refused) -> LivePolicy | tuple[Finding, ...]:
        return loaded.findings if isinstance(loaded, Refused) else self.make(loaded)

    def make(self, loaded: Loaded) -> LivePolicy:
        """What a policy needs to act here."""
        endpoints, missing = self._catalogue.endpoints(loaded.policy)
        prices = Prices(loaded.policy, self._cpu_price)
        inputs = routing_inputs(loaded.policy)
        return LivePolicy(
            loaded.policy,
            loaded.compiled,
            endpoints,
            missing,
            prices,
            inputs,
            loaded.warnings,
            self.feedback,
            loaded.text,
            loaded.included,
            loaded.files,
        )


def text_digest(text: str) -> str:
    """SHA-256 of a policy's text in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
