"""The shipped policies load without a finding and route by their signals."""

from __future__ import annotations

import pytest

from policies.by_name import shipped
from policies.engine import decide
from policies.facts import Facts
from policies.store import Loaded, load

LIBRARY = shipped().parent


def _default():
    result = load(shipped())
    assert isinstance(result, Loaded), [str(finding) for finding in result.findings]
    return result


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_policies_are_clean(path):
    """A shipped policy has no error and no warning, and carries tests."""
    result = load(path)
    assert isinstance(result, Loaded), [str(finding) for finding in result.findings]
    assert result.warnings == ()
    assert result.policy.tests


@pytest.mark.parametrize(
    ("facts", "rule", "target"),
    [
        (Facts(task="sentiment", task_confidence=0.95, difficulty=0.2, tokens=30), "sentiment", "sentiment"),
        (Facts(task="question answering", difficulty=0.1, tokens=8), "easy", "small"),
        (Facts(task="math", difficulty=0.95, tokens=80), "hard-or-tools", "large"),
        (Facts(difficulty=0.1, tokens=8, tools=True), "hard-or-tools", "large"),
        (Facts(difficulty=0.1, tokens=8, pii=0.9), "personal-data-stays-home", "small"),
        (Facts(difficulty=0.5, tokens=8, success={"mid": 0.8}), "default", "mid"),
    ],
)
def test_default_policy_routes_by_signals(facts, rule, target):
    """The default policy sends each kind of request where its comments say."""
    decision = decide(_default().compiled, facts)
    assert decision.rule == rule
    assert target in [step.target for step in decision.plan.steps]


def test_default_policy_keeps_personal_data_home():
    """No upstream sees personal data under the default policy, however it is asked for."""
    compiled = _default().compiled
    for model in ("auto", *compiled.targets):
        plan = decide(compiled, Facts(model=model, pii=0.9, tools=True)).plan
        assert all(step.kind != "upstream" for step in plan.steps)


def test_default_policy_needs_an_upstream_for_hard_requests():
    """Without any key a hard request has no step, and the plan says what to set."""
    missing = dict.fromkeys(("mid", "large", "alternate"), "set `OPENAI_API_KEY`")
    decision = decide(_default().compiled, Facts(difficulty=0.9, unavailable=missing))
    assert decision.plan.steps == ()
    assert {skip.cause for skip in decision.plan.skipped} == {"unavailable"}
