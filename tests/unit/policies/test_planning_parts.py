"""Chains, hedges and shadows as the engine plans them, whether or not a release runs them yet."""

from __future__ import annotations

from policies.engine import compile_policy, decide
from policies.facts import Facts
from policies.model import Policy

TARGETS = {
    "small": {"kind": "local", "model": "s"},
    "tiny": {"kind": "local", "model": "t"},
    "mid": {"kind": "upstream", "model": "openai/m"},
    "large": {"kind": "upstream", "model": "openai/l"},
}
CHAIN = [{"target": "large"}, {"target": "small", "instruction": "Shorten: {answer}"}]


def _plan(default: dict, facts: Facts | None = None, **rest):
    policy = Policy.model_validate({"version": 1, "targets": TARGETS, "default": default, **rest})
    return decide(compile_policy(policy, "v"), facts or Facts(request_id="r")).plan


def test_a_chain_has_its_stages_in_order_and_steps_to_fall_back_on():
    """The plan holds both, and what is called first is the first stage."""
    plan = _plan({"chain": CHAIN, "steps": ["mid"]})
    assert [(s.step.target, s.instruction) for s in plan.chain] == [
        ("large", None),
        ("small", "Shorten: {answer}"),
    ]
    assert [step.target for step in plan.steps] == ["mid"]
    assert plan.first == "large"
    assert [step.target for step in plan.recipients] == ["large", "small", "mid"]


def test_a_chain_runs_whole_or_not_at_all():
    """If one stage cannot take the request, the steps are left, and the plan says why."""
    plan = _plan({"chain": CHAIN, "steps": ["mid"]}, Facts(unavailable={"small": "worker down"}))
    assert (plan.chain, plan.first) == ((), "mid")
    assert [(s.target, s.reason) for s in plan.skipped] == [("small", "worker down")]


def test_a_chain_is_paid_as_a_whole():
    """Stages that are each within the budget and together above it do not run."""
    costs = Facts(cost_usd={"large": 0.008, "small": 0.004})
    plan = _plan({"chain": CHAIN, "budget": 0.01}, costs)
    assert plan.first is None
    assert [s.reason for s in plan.skipped] == ["its chain is expected to cost $0.012, above $0.01"]
    assert _plan({"chain": CHAIN, "budget": 0.02}, costs).first == "large"


def test_a_chain_that_lacks_its_upstream_may_degrade():
    """As with steps, a local model stands in if the policy says so."""
    facts = Facts(unavailable={"large": "set `KEY`"}, success={"tiny": 0.4, "small": 0.3})
    assert _plan({"chain": CHAIN}, facts).first is None
    plan = _plan({"chain": CHAIN, "on_missing_upstream": "degrade"}, facts)
    assert (plan.first, plan.degraded) == ("tiny", "missing-upstream")


def test_a_hedge_waits_for_what_is_said_or_for_the_first_steps_usual_time():
    """Without a time of its own, and while the usual time is not known, nothing is hedged."""
    steps = {"steps": ["mid", "large"]}
    assert _plan({**steps, "hedge": {"after_s": 0.5}}).hedge.after_s == 0.5
    assert _plan({**steps, "hedge": {}}, Facts(latency_p95_ms={"mid": 800.0})).hedge.after_s == 0.8
    assert _plan({**steps, "hedge": {}}).hedge is None
    assert _plan({"steps": ["mid"], "hedge": {"after_s": 0.5}}).hedge is None


def test_shadows_get_a_share_and_never_twice_what_they_answer_anyway():
    """A plan's own shadows and those of experiments; who comes first is no shadow."""
    shadow = {"targets": ["mid", "small"], "share": 0.5, "keep_answers": True}
    trial = {"id": "t", "kind": "shadow", "from": "small", "to": "large", "share": 0.5}
    found = {
        tuple((s.step.target, s.propensity, s.keep_answer, s.experiment) for s in plan.shadows)
        for plan in (
            _plan({"steps": ["small"], "shadow": shadow}, Facts(request_id=str(n)), experiments=[trial])
            for n in range(40)
        )
    }
    own, other = ("mid", 0.5, True, None), ("large", 0.5, False, "t")
    assert found == {(), (own,), (other,), (own, other)}


def test_nothing_forbidden_gets_the_request_as_a_shadow():
    """What a rule rules out is ruled out for those that only listen, too."""
    plan = _plan({"steps": ["small"], "shadow": {"targets": ["mid"]}, "forbid": ["upstream"]})
    assert plan.shadows == ()
