"""What this deployment finds about a policy before it serves: reach, plans and cases, as its classifier sees them."""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from gateway.cache.keys import routing_inputs
from gateway.decide import facts
from gateway.execute.catalogue import Catalogue
from gateway.knowledge import policy_knowledge
from gateway.live import LivePolicy
from gateway.telemetry.cost import Prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gateway.types import Call
    from policies.acceptance import Releases
    from policies.cases import FactsFor
    from policies.diff import Difference
    from policies.facts import Facts
    from policies.findings import Finding
    from policies.knowledge import Knowledge
    from policies.model import Message, Policy
    from policies.store import Loaded, Refused
    from routers.classifier import RequestClassifier

    CallOf = Callable[[str | Sequence[Message]], Call]
    """The default request with a prompt, or with messages."""


class Judge:
    """Finds what `pointsman policy check` finds, with the classifier that serves."""

    def __init__(
        self,
        classifier: RequestClassifier,
        local_usd_per_cpu_hour: float,
        call_of: CallOf,
        path: Path | None,
        releases: Releases | None = None,
    ) -> None:
        """`path`: the policy file that is to be replaced; files of cases beside it are run too."""
        self._classifier = classifier
        self._usd_per_cpu_hour = local_usd_per_cpu_hour
        self._call_of = call_of
        self._path = path
        self._releases = releases

    def findings(self, found: Loaded | Refused) -> tuple[Finding, ...]:
        """Everything about form, names, reach, plans and cases; takes milliseconds, so not on the event loop."""
        from policies.cases_file import beside
        from policies.check import check_loaded  # time and memory that serving does without

        reader = case_reader(self._classifier, self._usd_per_cpu_hour, self._call_of)
        files = beside(self._path) if self._path else ()
        return check_loaded(found, files, self._knowledge, reader).findings

    @cached_property
    def _knowledge(self) -> Knowledge:
        return policy_knowledge(self._classifier, self._usd_per_cpu_hour, self._releases)


def comparison(
    classifier: RequestClassifier, local_usd_per_cpu_hour: float
) -> Callable[[Policy, Policy], Difference]:
    """What an edit changes in meaning, for the values that this classifier can give."""
    knowledge = cache(partial(policy_knowledge, classifier, local_usd_per_cpu_hour))

    def compare(old: Policy, new: Policy) -> Difference:
        from policies.diff import diff
        from policies.reason.domain import domain

        known = knowledge()
        return diff(old, new, domain(known.labels, known.attainable(new)))

    return compare


def case_reader(
    classifier: RequestClassifier, local_usd_per_cpu_hour: float, call_of: CallOf
) -> Callable[[Loaded], FactsFor]:
    """For a policy: how the text of a case would look to it if it were in force here."""

    def facts_for(loaded: Loaded) -> FactsFor:
        # Whether a key is set here says nothing about the policy: cases count every target as available.
        endpoints, missing = Catalogue({}, {}).endpoints(loaded.policy)
        prices = Prices(loaded.policy, local_usd_per_cpu_hour)
        inputs = routing_inputs(loaded.policy)
        live = LivePolicy(loaded.policy, loaded.compiled, endpoints, missing, prices, inputs, loaded.warnings)

        def read(text: str | Sequence[Message]) -> Facts:
            call = call_of(text)
            return facts(call, classifier.classify(call.text), live)

        return read

    return facts_for
