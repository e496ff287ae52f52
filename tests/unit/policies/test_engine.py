"""Decisions: which rule wins, what a model name means, what `forbid` overrides."""

from __future__ import annotations

import pytest

from policies.engine import decide
from policies.facts import Facts
from tests.unit.policies.build import loaded

RULES = """
aliases: {"gpt-4*": large, "claude-*": auto}
rules:
  - {id: private, when: {pii: {at_least: 0.5}}, then: {steps: [small, mid], forbid: [upstream]}}
  - {id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large, mid]}}
  - {id: coder, when: {model: "coder-*"}, then: {steps: [mid]}}
  - {id: no-mid, when: {tenant: eu}, then: {steps: [tiny], forbid: [mid]}}
default: {steps: [small]}
"""
EASY = {"difficulty": 0.1}


def _decide(facts: Facts, rest: str = RULES):
    return decide(loaded(rest).compiled, facts)


def _steps(decision) -> list[str]:
    return [step.target for step in decision.plan.steps]


def _skipped(decision) -> list[tuple[str, str]]:
    return [(skip.target, skip.cause) for skip in decision.plan.skipped]


def test_first_matching_rule_wins():
    """Of two rules that match, the first in the file makes the plan."""
    decision = _decide(Facts(pii=0.9, difficulty=0.9))
    assert decision.rule == "private"
    assert _steps(decision) == ["small"]


def test_default_takes_the_rest():
    """A request that no rule matches gets the default plan, and every rule was considered."""
    decision = _decide(Facts(**EASY))
    assert (decision.rule, _steps(decision)) == ("default", ["small"])
    assert [(c.rule, c.matched) for c in decision.considered] == [
        ("private", False),
        ("hard", False),
        ("coder", False),
        ("no-mid", False),
    ]


def test_explanation_can_be_left_out():
    """Without explanation the plan is the same and nothing is considered."""
    compiled = loaded(RULES).compiled
    facts = Facts(pii=0.9)
    whole, bare = decide(compiled, facts), decide(compiled, facts, explained=False)
    assert bare.considered == ()
    assert (bare.rule, bare.plan) == (whole.rule, whole.plan)


def test_decision_names_the_policy_version():
    """Every decision says under which version of the policy it was made."""
    policy = loaded(RULES)
    assert decide(policy.compiled, Facts()).policy_version == policy.version


@pytest.mark.parametrize(
    ("model", "rule", "steps"),
    [
        ("large", "requested-model", ["large"]),
        ("task/sentiment", "requested-model", ["sentiment"]),
        ("gpt-4o", "alias", ["large"]),
        ("claude-3", "default", ["small"]),
        ("coder-1", "coder", ["mid"]),
        ("nonsense", "unknown-model", []),
        ("task/nonsense", "unknown-model", []),
    ],
)
def test_model_names(model, rule, steps):
    """Targets, tasks, aliases, names in rules and unknown names each lead where they should."""
    compiled = loaded(RULES).compiled
    decision = decide(compiled, Facts(model=model, **EASY))
    assert (decision.rule, _steps(decision)) == (rule, steps)
    assert compiled.knows_model(model) is (rule != "unknown-model")


def test_specialist_is_found_by_its_model_not_its_target_name():
    """`task/NAME` is the model of a specialist, whatever its target is called."""
    targets = "version: 1\ntargets: {judge: {kind: specialist, model: sentiment}}\n"
    compiled = loaded("default: {steps: [judge]}", targets=targets).compiled
    assert _steps(decide(compiled, Facts(model="task/sentiment"))) == ["judge"]
    assert not compiled.knows_model("task/judge")


def test_rule_that_excludes_a_model_does_not_make_all_others_known():
    """`not: {model: ...}` asks for no model, so an unknown name stays unknown."""
    rest = "rules: [{id: a, when: {not: {model: x}}, then: {steps: [mid]}}]\ndefault: {steps: [small]}"
    compiled = loaded(rest).compiled
    assert not compiled.knows_model("x")
    assert not compiled.knows_model("y")
    assert decide(compiled, Facts(model="y")).rule == "unknown-model"
    assert decide(compiled, Facts(model="auto")).rule == "a"


def test_rules_for_other_models_do_not_take_a_named_model():
    """A rule without a model name is no reason to answer a request for a model that nobody offers."""
    decision = _decide(Facts(model="nonsense", difficulty=0.9))
    assert decision.rule == "unknown-model"
    assert decision.plan.steps == ()


@pytest.mark.parametrize("model", ["large", "gpt-4o", "mid"])
def test_forbid_holds_for_a_model_asked_for_by_name(model):
    """A privacy rule cannot be passed by naming an upstream."""
    decision = _decide(Facts(model=model, pii=0.9))
    assert decision.plan.steps == ()
    assert [cause for _, cause in _skipped(decision)] == ["forbidden"]
    assert "private" in decision.plan.skipped[0].reason


def test_forbid_holds_behind_the_winning_rule():
    """A later rule that matches and forbids a target takes it out of an earlier rule's plan."""
    decision = _decide(Facts(difficulty=0.9, tenant="eu"))
    assert decision.rule == "hard"
    assert _steps(decision) == ["large"]
    assert _skipped(decision) == [("mid", "forbidden")]
    assert [c.rule for c in decision.considered if c.matched] == ["hard", "no-mid"]


def test_forbid_holds_for_a_rule_that_names_the_model():
    """Rules that do not name the model asked for still forbid."""
    assert _decide(Facts(model="coder-1", tenant="eu", **EASY)).plan.steps == ()
    assert _decide(Facts(model="coder-1", pii=0.9, **EASY)).plan.steps == ()


def test_forbid_of_the_default_holds_only_where_the_default_does():
    """What the default forbids binds a named model exactly when no rule matches the request."""
    rest = """
rules: [{id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large]}}]
default: {steps: [small], forbid: [upstream]}
"""
    assert _steps(_decide(Facts(model="large", difficulty=0.9), rest)) == ["large"]
    assert _steps(_decide(Facts(model="large", difficulty=0.1), rest)) == []
    assert _steps(_decide(Facts(difficulty=0.1), rest)) == ["small"]
