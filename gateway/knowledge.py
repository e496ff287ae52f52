"""What this deployment tells the checks of a policy: the classifier's names and bounds, and what requests cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gateway.decide import FALLBACK_SUCCESS, ability_of
from gateway.telemetry.cost import Prices
from policies.acceptance import NothingGraded
from policies.knowledge import Knowledge
from policies.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.acceptance import Releases
    from policies.knowledge import CostOf
    from policies.model import Policy
    from routers.attainable import Attainable
    from routers.classifier import RequestClassifier

    Bounds = tuple[float, float]


def policy_labels(classifier: RequestClassifier, releases: Releases | None = None) -> Labels:
    """The names that a policy may use for what this classifier says, and what risks of local models come to."""
    labels = classifier.labels
    return Labels(
        tasks=frozenset(labels.tasks),
        domains=frozenset(labels.domains),
        abilities=frozenset(classifier.abilities),
        languages=frozenset(labels.languages),
        releases=releases or NothingGraded(),
    )


def policy_knowledge(
    classifier: RequestClassifier, local_usd_per_cpu_hour: float, releases: Releases | None = None
) -> Knowledge:
    """What `policies.review` reasons with; the bounds are worked out once."""
    return Knowledge(
        labels=policy_labels(classifier, releases),
        attainable=partial(_attainable, classifier.attainable()),
        costs=partial(_costs, local_usd_per_cpu_hour),
    )


def _attainable(bounds: Attainable, policy: Policy) -> Mapping[str, Bounds]:
    """Fact -> bounds. A target without an ability has what `gateway.decide` takes it to have."""
    found: dict[str, Bounds] = {
        name: getattr(bounds, name)
        for name in ("task_confidence", "domain_confidence", "difficulty", "pii", "injection")
    }
    for name, target in policy.targets.items():
        ability = ability_of(name, target, bounds.success)
        if ability is not None:
            found[f"success.{name}"] = bounds.success[ability]
        elif target.kind == "local":
            low, high = bounds.difficulty
            found[f"success.{name}"] = (1.0 - high, 1.0 - low)
        else:
            found[f"success.{name}"] = (FALLBACK_SUCCESS[target.kind],) * 2
    return found


def _costs(local_usd_per_cpu_hour: float, policy: Policy) -> CostOf:
    return Prices(policy, local_usd_per_cpu_hour).expected
