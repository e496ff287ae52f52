"""What the commands under `pointsman policy` know of this deployment: its classifier, and how it reads a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.api.cases import default_call
from gateway.confidences import Confidences
from gateway.config import load_config
from gateway.errors import StartupError
from gateway.judging import case_reader
from gateway.knowledge import policy_knowledge, policy_labels
from gateway.services import load_classifier
from gateway.settings import load_settings

if TYPE_CHECKING:
    from gateway.settings import Settings
    from policies.cases import FactsFor
    from policies.knowledge import Knowledge
    from policies.labels import Labels
    from policies.store import Loaded
    from routers.classifier import RequestClassifier


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings and the classifier in force; what is checked against them holds for this deployment."""

    settings: Settings
    classifier: RequestClassifier

    @classmethod
    def read(cls) -> Deployment:
        """Settings of the environment and the classifier they name; raises `StartupError`."""
        settings = load_settings()
        return cls(settings, load_classifier(settings))

    @property
    def labels(self) -> Labels:
        """The names that a policy may use."""
        return policy_labels(self.classifier, self.confidences)

    @property
    def knowledge(self) -> Knowledge:
        """The names, the classifier's bounds and the prices, for checks that reason about a policy."""
        return policy_knowledge(self.classifier, self.settings.local_usd_per_cpu_hour, self.confidences)

    @property
    def confidences(self) -> Confidences:
        """The graded answers of its local models; raises `StartupError` where gateway.yaml is wrong."""
        config = load_config(self.settings.config)
        if isinstance(config, list):
            raise StartupError(config)
        return Confidences.of(self.settings, config)

    def facts_for(self, loaded: Loaded) -> FactsFor:
        """How a prompt, or messages, would look to `loaded` if it were in force here."""
        usd = self.settings.local_usd_per_cpu_hour
        return case_reader(self.classifier, usd, default_call)(loaded)
