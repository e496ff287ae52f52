"""The bench of decisions: what it compares does the same work, and long policies stay cheap."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from gateway.cli.bench.naive_policy import naive
from gateway.cli.bench.policy import run, synthetic
from policies.engine import compile_policy, decide
from policies.store import Loaded, loads
from tests.property.policies.strategies import facts, law, policies


@law
@given(policies(), facts)
def test_the_naive_evaluation_decides_the_same(policy, some):
    """Two evaluators that share no code choose the same rule, so that comparing their time is fair."""
    some = replace(some, model="auto")
    assert naive(policy, some)[0] == decide(compile_policy(policy, "v"), some).rule


def test_no_rule_of_the_synthetic_policy_matches():
    """Every rule is looked at, which is the dearest that can happen."""
    loaded = loads(synthetic(40))
    assert isinstance(loaded, Loaded)
    assert len(loaded.policy.rules) == 40


def test_a_decision_is_much_cheaper_than_a_naive_one():
    """With 200 rules an explained decision takes at most a third of the naïve evaluation in the same run."""
    longest = run(rounds=3, seconds=0.01)[-1]
    assert longest.rules == 200
    assert longest.bare_us < longest.explained_us < longest.naive_us / 3
