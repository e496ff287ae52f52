"""Laws of the engine, for any policy and any facts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from policies.conditions import compile_when, first_failure, probes_of
from policies.engine import ALIAS, DEFAULT, REQUESTED_MODEL, UNKNOWN_MODEL, compile_policy, decide
from policies.facts import Facts
from policies.model import PlanSpec, Policy, When
from policies.model_plan import StickySpec
from tests.property.policies.strategies import TARGETS, conditions, facts, law, policies, probability


def _matches(when: When, some: Facts) -> bool:
    return first_failure(probes_of(compile_when(when)), some) < 0


def _forbidden(policy: Policy, some: Facts) -> set[str]:
    """What the rules that match forbid; the default counts as the rule that matches when no other does."""
    matching = [rule.then for rule in policy.rules if _matches(rule.when, some)] or [policy.default]
    return {name for plan in matching for name in plan.forbid}


def _all_sticky(policy: Policy) -> Policy:
    """The policy with every plan that may be sticky being so."""

    def stay(plan: PlanSpec) -> PlanSpec:
        return plan if plan.chain is not None else plan.model_copy(update={"sticky": StickySpec()})

    rules = tuple(rule.model_copy(update={"then": stay(rule.then)}) for rule in policy.rules)
    return policy.model_copy(update={"rules": rules, "default": stay(policy.default)})


@law
@given(policies(), facts)
def test_decide_is_total_and_deterministic(policy, some):
    """Any facts get a decision, and the same facts get the same one, explained or not."""
    first = decide(compile_policy(policy, "v"), some)
    again = decide(compile_policy(policy, "v"), some)
    assert repr(first) == repr(again)
    assert decide(compile_policy(policy, "v"), some, explained=False).plan == first.plan


@law
@given(policies(), facts)
def test_first_match_wins(policy, some):
    """For `auto`, the rule is the first that matches, and `default` when none does."""
    decision = decide(compile_policy(policy, "v"), replace(some, model="auto"))
    expected = next(
        (rule.id for rule in policy.rules if _matches(rule.when, replace(some, model="auto"))), DEFAULT
    )
    assert decision.rule == expected


@law
@given(policies(), facts)
def test_forbid_is_never_violated(policy, some):
    """No step, stage, fallback or shadow of any plan, drawn or not, is forbidden by a rule that matches."""
    forbidden = _forbidden(policy, some)
    decision = decide(compile_policy(policy, "v"), some)
    assume(decision.rule != UNKNOWN_MODEL)
    for step in decision.plan.recipients:
        assert step.target not in forbidden
        assert step.kind not in forbidden


@law
@given(policies(), facts, st.sampled_from(sorted(TARGETS)))
def test_who_answered_before_changes_only_the_order(policy, some, before):
    """What stays comes first, for certain, and is one that the plan or an experiment could have had; nobody is lost."""
    compiled = compile_policy(_all_sticky(policy), "v")
    everywhere = {f"session {name}": before for name in (DEFAULT, *(rule.id for rule in policy.rules))}
    some = replace(some, model="auto", settled=everywhere)
    decision = decide(compiled, some)
    sticky = decision.plan.sticky
    if sticky is None or sticky.held is None:
        return
    without = decide(compiled, replace(some, settled={}, ended=frozenset({"e0", "e1", "e2"})))
    trials = {experiment.to for experiment in policy.experiments if experiment.kind in ("canary", "ab")}
    names, others = decision.plan.targets, without.plan.targets
    assert names[0] == sticky.held == before
    assert (decision.propensity, decision.experiment) == (1.0, None)
    assert [name for name in names if name != sticky.held] == [name for name in others if name != sticky.held]
    assert sticky.held in others or sticky.held in trials


@law
@given(policies(), facts)
def test_steps_can_be_run(policy, some):
    """Whatever gets the request is a known target that is available and affordable; steps are named once."""
    decision = decide(compile_policy(policy, "v"), some)
    plan = decision.plan
    names = [step.target for step in plan.steps]
    assert len(set(names)) == len(names)
    spec = next((rule.then for rule in policy.rules if rule.id == decision.rule), policy.default)
    for step in plan.recipients:
        if decision.rule not in (ALIAS, REQUESTED_MODEL) and spec.budget is not None:
            assert not some.cost_usd.get(step.target, 0) > spec.budget
        assert step.target in TARGETS
        assert step.target not in some.unavailable
        cap = policy.targets[step.target].max_cost_usd
        assert cap is None or not some.cost_usd.get(step.target, 0) > cap


@law
@given(policies(), facts)
def test_every_named_target_is_used_or_explained(policy, some):
    """What a plan names is a step or is skipped with a reason, unless a stand-in took its place."""
    decision = decide(compile_policy(policy, "v"), replace(some, model="auto"))
    plan = decision.plan
    assume(plan.degraded is None)
    spec = next((rule.then for rule in policy.rules if rule.id == decision.rule), policy.default)
    accounted = {step.target for step in plan.steps} | {skip.target for skip in plan.skipped}
    named = set(spec.steps or spec.among or ())
    assert named <= accounted
    assert accounted - named <= {e.to for e in policy.experiments} | {s.target for s in spec.chain or ()}


@law
@given(policies(), facts)
def test_known_models_are_those_that_may_be_decided(policy, some):
    """A name that the policy does not know gets no steps, and only such a name is a 404."""
    compiled = compile_policy(policy, "v")
    if not compiled.knows_model(some.model):
        assert decide(compiled, some).rule == UNKNOWN_MODEL


@law
@given(policies(), facts)
def test_explanation_agrees_with_the_decision(policy, some):
    """A rule matched exactly if all its checks passed; else the last check is the one that failed."""
    for considered in decide(compile_policy(policy, "v"), some).considered:
        verdicts = [check.passed for check in considered.checks]
        assert considered.matched is all(verdicts)
        assert all(verdicts[:-1])


@law
@given(conditions, facts)
def test_not_is_the_opposite(when, some):
    """A condition and its `not` never agree."""
    assert _matches(When.model_validate(when), some) is not _matches(When.model_validate({"not": when}), some)


@law
@given(probability, probability, probability, st.sampled_from(["at_least", "above"]))
def test_thresholds_are_monotonic(value, one, other, bound):
    """Raising a lower bound never lets more requests in, and a higher value never fails what a lower passed."""
    low, high = sorted((one, other))
    some = Facts(difficulty=value)

    def passes(limit: float, given_facts: Facts = some) -> bool:
        return _matches(When.model_validate({"difficulty": {bound: limit}}), given_facts)

    assert passes(low) or not passes(high)
    if passes(low):
        assert passes(low, Facts(difficulty=max(value, high)))


@law
@given(facts, probability, probability)
def test_asking_for_more_success_never_chooses_a_weaker_target(some, one, other):
    """Raising `success:` of `choose: cheapest` never lowers the success of the target chosen."""
    low, high = sorted((one, other))
    clean = replace(
        some,
        model="auto",
        modalities=frozenset({"text"}),
        unavailable={},
        success={name: p for name, p in some.success.items() if 0 <= p <= 1},
        cost_usd={name: cost for name, cost in some.cost_usd.items() if 0 <= cost <= 1},
    )

    def chosen(success: float) -> float | None:
        policy = Policy.model_validate(
            {
                "version": 1,
                "targets": TARGETS,
                "default": {"choose": "cheapest", "success": success, "among": sorted(TARGETS)},
            }
        )
        steps = decide(compile_policy(policy, "v"), clean).plan.steps
        return clean.success.get(steps[0].target, 0.0) if steps else None

    weaker, stronger = chosen(low), chosen(high)
    assume(weaker is not None and stronger is not None)
    if weaker >= low:
        assert stronger >= low
    if stronger < high:
        assert stronger >= weaker
