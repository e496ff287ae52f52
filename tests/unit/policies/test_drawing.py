"""Experiments: who takes part, what changes, and what is said about it."""

from __future__ import annotations

import pytest

from policies.engine import decide
from policies.facts import Facts
from tests.unit.policies.build import loaded

PLAN = "default: {steps: [small, mid]}\n"
ALL = Facts(request_id="r")


def _canary(more: str = "share: 1", kind: str = "canary") -> str:
    return PLAN + f"experiments: [{{id: try, kind: {kind}, from: small, to: tiny, {more}}}]\n"


def _decide(rest: str, facts: Facts = ALL):
    return decide(loaded(rest).compiled, facts)


def _steps(decision) -> list[str]:
    return [step.target for step in decision.plan.steps]


@pytest.mark.parametrize("kind", ["canary", "ab"])
def test_the_target_on_trial_comes_first_and_the_old_one_is_its_fallback(kind):
    """A request that is drawn goes to `to`; if that fails, it is answered as before."""
    decision = _decide(_canary(kind=kind))
    assert _steps(decision) == ["tiny", "small", "mid"]
    assert (decision.experiment, decision.arm, decision.propensity) == ("try", "treatment", 1.0)


def test_control_is_part_of_the_experiment():
    """A request that takes part and is not drawn says so, with the probability of that."""
    decision = _decide(_canary("share: 0"))
    assert _steps(decision) == ["small", "mid"]
    assert (decision.experiment, decision.arm, decision.propensity) == ("try", "control", 1.0)


def test_the_target_on_trial_replaces_from_wherever_it_stands():
    """In a plan that names both, `to` moves to before `from`."""
    rest = "default: {steps: [mid, small, tiny]}\n" + _canary().removeprefix(PLAN)
    assert _steps(_decide(rest)) == ["mid", "tiny", "small"]


@pytest.mark.parametrize(
    ("rest", "facts"),
    [
        (_canary(), Facts(model="small")),
        (_canary(), Facts(ended=frozenset({"try"}))),
        (_canary(), Facts(unavailable={"tiny": "down"})),
        (_canary(), Facts(unavailable={"small": "down"})),
        (_canary().replace("[small, mid]", "[small, mid], forbid: [tiny]"), Facts()),
        (_canary().replace("[small, mid]", "[mid]"), Facts()),
    ],
)
def test_who_takes_no_part(rest, facts):
    """Clients that name a target, plans without `from`, and requests that `to` must not or cannot take."""
    decision = _decide(rest, facts)
    assert (decision.experiment, decision.arm, decision.propensity) == (None, None, 1.0)
    assert "tiny" not in _steps(decision)


def test_an_alias_is_open_to_experiments():
    """What the policy itself puts behind a name may be tried out."""
    decision = _decide("aliases: {gpt: small}\n" + _canary(), Facts(model="gpt"))
    assert (decision.rule, decision.arm, _steps(decision)) == ("alias", "treatment", ["tiny", "small"])


def test_answers_on_trial_are_not_kept():
    """A cached answer would be given to those outside of the experiment, too."""
    assert _decide(_canary()).plan.cache.exact is False
    assert _decide(_canary("share: 0")).plan.cache.exact is True


@pytest.mark.parametrize(
    ("sticky", "one", "other"),
    [
        ("key", Facts(key="k", request_id="1"), Facts(key="k", request_id="2")),
        ("tenant", Facts(tenant="t", request_id="1"), Facts(tenant="t", request_id="2", key="k")),
        ("session", Facts(session="s", request_id="1"), Facts(session="s", request_id="2")),
    ],
)
def test_what_is_sticky_stays_together(sticky, one, other):
    """All requests of a key, a tenant or a session have one arm; others are drawn apart."""
    compiled = loaded(_canary(f"share: 0.5, sticky: {sticky}")).compiled
    assert decide(compiled, one).arm == decide(compiled, other).arm
    arms = {
        decide(compiled, Facts(key=f"k{n}", tenant=f"t{n}", session=f"s{n}", request_id="1")).arm
        for n in range(30)
    }
    assert arms == {"control", "treatment"}


def test_without_a_session_each_request_is_drawn():
    """Requests that name no session are not all one session."""
    compiled = loaded(_canary("share: 0.5")).compiled
    arms = {decide(compiled, Facts(request_id=str(n))).arm for n in range(30)}
    assert arms == {"control", "treatment"}


def test_exploring_puts_any_usable_target_first():
    """Each target of the plan has its turn, with the probability that is recorded; the rest stay as fallbacks."""
    rest = "default: {steps: [small, mid, large]}\nexperiments: [{id: x, kind: explore, share: 0.3}]\n"
    compiled = loaded(rest).compiled
    found = {}
    for number in range(200):
        decision = decide(compiled, Facts(request_id=str(number), unavailable={"large": "down"}))
        found[tuple(_steps(decision)), decision.arm] = round(decision.propensity, 6)
    assert found == {
        (("small", "mid"), None): 0.85,
        (("small", "mid"), "explored"): 0.85,
        (("mid", "small"), "explored"): 0.15,
    }


def test_where_nothing_can_run_nothing_is_drawn():
    """What happened then was certain: a propensity of 0 would say that it could not happen."""
    rest = "default: {steps: [small]}\nexperiments: [{id: x, kind: explore, share: 1}]\n"
    decision = _decide(rest, Facts(request_id="r", unavailable={"small": "down"}))
    assert (_steps(decision), decision.propensity, decision.experiment) == ([], 1.0, None)
