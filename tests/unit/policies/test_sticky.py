"""`sticky`: who answered before is asked first, and what never gives way to it."""

from __future__ import annotations

import pytest

from policies.engine import decide
from policies.facts import Facts
from policies.store import Refused, loads
from tests.unit.policies.build import TARGETS, findings, loaded

STICKY = "default: {steps: [mid, large, small], sticky: {for_s: 60}}\n"
CANARY = "experiments: [{id: c, kind: canary, from: mid, to: tiny, share: 0.5}]\n"


def plan(rest: str, settled: str | None = None, rule: str = "default", **facts):
    """The plan of a request whose session was answered by `settled` under `rule`."""
    held = {f"session {rule}": settled} if settled else {}
    return decide(loaded(rest).compiled, Facts(request_id="r", session="s", settled=held, **facts)).plan


def names(made) -> list[str]:
    """Its steps."""
    return [step.target for step in made.steps]


def test_who_answered_before_is_asked_first():
    """The others stay behind it as fallbacks, in their order."""
    assert names(plan(STICKY)) == ["mid", "large", "small"]
    made = plan(STICKY, "large")
    assert names(made) == ["large", "mid", "small"]
    assert (made.sticky.held, made.sticky.name, made.sticky.for_s) == ("large", "session default", 60)


def test_each_rule_remembers_by_itself():
    """What answered a session under one rule says nothing about its requests under another."""
    assert names(plan(STICKY, "large", rule="other")) == ["mid", "large", "small"]


@pytest.mark.parametrize(
    ("rest", "facts"),
    [
        ("default: {steps: [mid, large], sticky: {}, forbid: [large]}\n", {}),
        (STICKY, {"unavailable": {"large": "set `KEY`"}}),
        (STICKY, {"cost_usd": {"large": 0.6}}),
        ("default: {steps: [mid, small], sticky: {}}\n", {}),
    ],
    ids=["forbidden", "missing", "too dear", "not of the plan"],
)
def test_a_target_that_may_not_answer_is_not_stayed_with(rest, facts):
    """`forbid`, caps and what is there hold before any habit."""
    made = plan(rest, "large", **facts)
    assert made.first == "mid"
    assert made.sticky.held is None


def test_a_choice_gives_way_to_who_answered_before():
    """The cheapest of the moment would change with each turn."""
    rest = "default: {choose: best, among: [mid, large], sticky: {}}\n"
    assert plan(rest, success={"mid": 0.9, "large": 0.5}).first == "mid"
    assert plan(rest, "large", success={"mid": 0.9, "large": 0.5}).first == "large"


@pytest.mark.parametrize("held", ["mid", "tiny"])
def test_both_arms_of_an_experiment_stay(held):
    """A session goes on with its arm's target, drawn no more: propensity 1, and no trial."""
    compiled = loaded(STICKY + CANARY).compiled
    for number in range(20):
        facts = Facts(request_id=f"r{number}", session=f"s{number}", settled={"session default": held})
        decision = decide(compiled, facts)
        assert decision.plan.first == held
        assert (decision.propensity, decision.experiment, decision.arm) == (1.0, None, None)
        assert decision.plan.cache.exact is (held == "mid"), "an answer on trial is kept for nobody else"


def test_an_experiment_that_has_ended_lets_go_of_its_sessions():
    """A treatment that was stopped is asked no more, also by those that began with it."""
    made = plan(STICKY + CANARY, "tiny", ended=frozenset({"c"}))
    assert names(made) == ["mid", "large", "small"]


def test_explaining_what_cannot_be_meant():
    """Beside a chain there is nothing to stay with; with one target it has no effect."""
    chain = "chain: [{target: mid}, {target: large, instruction: '{answer}'}]"
    refused = loads(TARGETS + f"default: {{{chain}, sticky: {{}}}}")
    assert isinstance(refused, Refused)
    assert "`sticky` belongs to `steps` or `choose`" in refused.findings[0].message
    assert "only one target to stay with" in findings(TARGETS + "default: {steps: [mid], sticky: {}}")[0]


def test_the_policy_says_what_has_to_be_looked_up():
    """A policy without sticky plans costs no look-up."""
    assert loaded().compiled.sticky == ()
    assert loaded(STICKY).compiled.sticky == ("session",)
