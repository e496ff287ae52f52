"""Laws of experiments: what is recorded is how it was drawn, and a unit stays on its side."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.drawing import is_drawn, uniform
from policies.engine import compile_policy, decide
from policies.facts import Facts
from policies.model import Experiment, Policy
from tests.property.policies.strategies import TARGETS, facts, law, policies, probability

REQUESTS = 20_000


@law
@given(policies(), facts)
def test_propensity_is_a_probability_of_something_that_happened(policy, some):
    """It lies in (0, 1], and is 1 where nothing could have been drawn."""
    decision = decide(compile_policy(policy, "v"), some)
    assert 0 < decision.propensity <= 1
    assert (decision.experiment is None) == (decision.arm is None)
    if not policy.experiments:
        assert decision.propensity == 1
    if decision.experiment is not None:
        assert decision.experiment not in some.ended


@law
@given(policies(), facts)
def test_control_is_what_there_would_be_without_the_experiment(policy, some):
    """In the control arm, and once experiments have ended, the steps are those of the policy without them."""
    without = policy.model_copy(update={"experiments": ()})
    plain = [step.target for step in decide(compile_policy(without, "v"), some).plan.steps]
    ended = replace(some, ended=frozenset(e.id for e in policy.experiments))
    assert [s.target for s in decide(compile_policy(policy, "v"), ended).plan.steps] == plain
    decision = decide(compile_policy(policy, "v"), some)
    if decision.arm in (None, "control"):
        assert [step.target for step in decision.plan.steps] == plain


@law
@given(facts, probability, probability, st.sampled_from(["key", "session", "tenant", "request"]))
def test_a_unit_stays_drawn_when_the_share_grows(some, one, other, sticky):
    """Who is in the canary at 5 % is in it at 20 %, and nobody is sent back and forth."""
    low, high = sorted((one, other))

    def drawn(share: float) -> bool:
        experiment = Experiment.model_validate(
            {"id": "c", "kind": "canary", "from": "small", "to": "mid", "share": share, "sticky": sticky}
        )
        return is_drawn(experiment, some)

    assert drawn(high) or not drawn(low)
    assert drawn(1.0)
    assert not drawn(0.0)


@law
@given(st.text(max_size=8), st.text(max_size=8))
def test_uniform_is_below_one(salt, unit):
    """The number lies in [0, 1), so that a share of 1 takes everybody."""
    assert 0 <= uniform(salt, unit) < 1


def _policy(*experiments: dict) -> Policy:
    default = {"steps": ["small", "mid", "large"]}
    return Policy.model_validate(
        {"version": 1, "targets": TARGETS, "default": default, "experiments": list(experiments)}
    )


def test_observed_shares_match_the_propensities():
    """Over many requests each order comes about as often as its records say, and these probabilities add up to 1."""
    compiled = compile_policy(
        _policy(
            {"id": "c", "kind": "canary", "from": "mid", "to": "able", "share": 0.3, "sticky": "request"},
            {"id": "x", "kind": "explore", "share": 0.2},
            {"id": "y", "kind": "explore", "share": 0.05},
        ),
        "v",
    )
    seen: Counter[tuple[str, ...]] = Counter()
    claimed: dict[tuple[str, ...], float] = {}
    for number in range(REQUESTS):
        decision = decide(compiled, Facts(request_id=f"req-{number}"), explained=False)
        order = tuple(step.target for step in decision.plan.steps)
        seen[order] += 1
        assert claimed.setdefault(order, decision.propensity) == decision.propensity
    assert math.isclose(sum(claimed.values()), 1.0)
    for order, p in claimed.items():
        assert abs(seen[order] / REQUESTS - p) < 4 * math.sqrt(p * (1 - p) / REQUESTS), order


def test_experiments_draw_independently_of_each_other():
    """Being drawn by one says nothing about being drawn by another of the same units."""
    both = sum(uniform("a", str(n)) < 0.5 and uniform("b", str(n)) < 0.5 for n in range(REQUESTS))
    assert abs(both / REQUESTS - 0.25) < 4 * math.sqrt(0.25 * 0.75 / REQUESTS)
