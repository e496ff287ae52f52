"""What a sound policy would surely not do as meant: rules that nothing reaches, plans that cannot run.

Warnings and notes only, and only of what is certain from the policy and what is known of the deployment. It takes up to
a second for hundreds of rules, so it runs when somebody checks or publishes, not when a gateway loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.knowledge import Knowledge
from policies.reason.domain import domain
from policies.review_accept import accept_reviews
from policies.review_plans import plan_reviews
from policies.review_rules import alias_reviews, rule_reviews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.model import Policy
    from policies.validate_when import Problem


def review(policy: Policy, knowledge: Knowledge | None = None) -> Iterator[Problem]:
    """Every warning and note about `policy`; total, also for a policy in which `validate` found errors."""
    knowledge = knowledge or Knowledge()
    attainable = knowledge.attainable(policy)
    possible = domain(knowledge.labels, attainable)
    yield from rule_reviews(policy, possible, attainable)
    yield from alias_reviews(policy, possible)
    yield from plan_reviews(policy, possible, attainable, knowledge.costs(policy))
    yield from accept_reviews(policy, knowledge.labels.releases)
