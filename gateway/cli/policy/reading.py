"""What the commands under `pointsman policy` know of this deployment: its classifier, and how it reads a request."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.knowledge import policy_knowledge, policy_labels
from gateway.services import load_classifier
from gateway.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.settings import Settings
    from gateway.types import Call
    from policies.cases import FactsFor
    from policies.facts import Facts
    from policies.knowledge import Knowledge
    from policies.labels import Labels
    from policies.model import Message
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
        return policy_labels(self.classifier)

    @property
    def knowledge(self) -> Knowledge:
        """The names, the classifier's bounds and the prices, for checks that reason about a policy."""
        return policy_knowledge(self.classifier, self.settings.local_usd_per_cpu_hour)

    def facts_for(self, loaded: Loaded) -> FactsFor:
        """How a prompt, or messages, would look to `loaded` if it were in force here."""
        from gateway.cache.keys import routing_inputs
        from gateway.decide import facts
        from gateway.execute.catalogue import Catalogue
        from gateway.live import LivePolicy
        from gateway.telemetry.cost import Prices

        # Whether a key is set here says nothing about the policy: cases count every target as available.
        endpoints, missing = Catalogue({}, {}).endpoints(loaded.policy)
        prices = Prices(loaded.policy, self.settings.local_usd_per_cpu_hour)
        inputs = routing_inputs(loaded.policy)
        live = LivePolicy(loaded.policy, loaded.compiled, endpoints, missing, prices, inputs, loaded.warnings)

        def read(text: str | Sequence[Message]) -> Facts:
            call = _call(text)
            return facts(call, self.classifier.classify(call.text), live)

        return read


def _call(text: str | Sequence[Message]) -> Call:
    from gateway.api.wire import build_call
    from gateway.types import CacheDirective, Caller

    messages = (
        [{"role": "user", "content": text}]
        if isinstance(text, str)
        else [message.model_dump() for message in text]
    )
    return build_call(
        json.dumps({"model": "auto", "messages": messages}).encode(),
        request_id="",
        caller=Caller(),
        headers={},
        cache=CacheDirective(),
        received_ns=time.time_ns(),
    )
