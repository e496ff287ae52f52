"""Laws of the difference between two policies."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.diff import diff
from policies.engine import compile_policy, decide
from policies.labels import Labels
from policies.reason.domain import domain
from tests.property.policies.strategies import law, policies
from tests.property.policies.test_reason_laws import lawful

POSSIBLE = domain(Labels(), {})


@law
@given(policies())
def test_a_policy_does_not_differ_from_itself(policy):
    """There is no change without an edit."""
    assert diff(policy, policy, POSSIBLE).changes == ()


@law
@given(policies(), policies())
def test_any_two_policies_can_be_compared(old, new):
    """Any edit is told without an exception, and both directions see a difference or neither does."""
    assert bool(diff(old, new, POSSIBLE).changes) is bool(diff(new, old, POSSIBLE).changes)


@law
@given(policies(), st.randoms(use_true_random=False), st.lists(lawful, min_size=3, max_size=10))
def test_a_reorder_that_is_said_to_have_no_effect_has_none(policy, random, requests):
    """If no change is said to reroute, every request has the same plan and the same rule as before."""
    rules = list(policy.rules)
    random.shuffle(rules)
    shuffled = policy.model_copy(update={"rules": tuple(rules)})
    if diff(policy, shuffled, POSSIBLE).reroutes:
        return
    before, after = compile_policy(policy, "v"), compile_policy(shuffled, "v")
    for some in requests:
        asked = replace(some, model="auto")
        old, new = decide(before, asked, explained=False), decide(after, asked, explained=False)
        assert (old.rule, old.plan.steps) == (new.rule, new.plan.steps)
