"""Policy tests: examples inside the file that say where a request must go."""

from __future__ import annotations

from policies.cases import case_findings, run_cases
from policies.facts import Facts
from tests.unit.policies.build import loaded

REST = """
rules:
  - {id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large, mid]}}
  - {id: tools, when: {tools: true}, then: {steps: [mid]}}
  - {id: acme, when: {tenant: acme, metadata: {team: ops}, header: {x-app: web}}, then: {steps: [tiny]}}
default: {steps: [small]}
tests:
"""


def _facts_for(request) -> Facts:
    """Long texts are hard; the real reader is the gateway's classifier."""
    text = request if isinstance(request, str) else " ".join(message.content for message in request)
    return Facts(difficulty=0.9 if len(text) > 20 else 0.1, unavailable={"large": "no key"})


def _run(cases: str):
    policy = loaded(REST + cases)
    return policy, run_cases(policy, _facts_for)


def test_cases_that_pass():
    """A case passes by its text, by what it says beside the text, and by messages."""
    _, results = _run(
        """
  - {prompt: short, expect: {rule: default, target: small, forbidden_target: large}}
  - {prompt: a text of more than twenty characters, expect: {rule: hard, target: large}}
  - {prompt: short, tools: true, expect: {rule: tools}}
  - {prompt: short, model: mid, expect: {rule: requested-model, target: mid}}
  - {prompt: short, tenant: acme, metadata: {team: ops}, headers: {X-App: web}, expect: {rule: acme}}
  - {messages: [{role: user, content: hi}], expect: {target: small}}
"""
    )
    assert [result.failures for result in results] == [()] * 6
    assert all(result.passed for result in results)


def test_cases_ignore_what_is_unavailable_today():
    """A missing key does not fail a case: it judges the policy."""
    _, results = _run("  - {prompt: a text of more than twenty characters, expect: {target: large}}")
    assert results[0].passed


def test_cases_that_fail_say_what_they_got():
    """A failed case names the expectation, what came instead, and its line."""
    _, results = _run(
        """  - {prompt: short, expect: {rule: hard, target: large}}
  - {prompt: a text of more than twenty characters, expect: {forbidden_target: mid}}
  - {prompt: short, model: nonsense, expect: {target: small}}
"""
    )
    assert [[str(failure) for failure in result.failures] for result in results] == [
        [
            "expected rule `hard`, got `default`: `hard` wants difficulty at least 0.6, and it is `0.1`",
            "expected target `large`, got `small`: rule `default` decided",
        ],
        ["forbidden target `mid` is step 2 of the plan: rule `hard` decided"],
        ["expected target `small`, got no usable target: rule `unknown-model` decided"],
    ]
    first = case_findings(results)[0]
    assert first.line == 16
    assert first.message.startswith("test failed: expected rule `hard`, got `default`: `hard` wants")


EXPERIMENTS = """
experiments:
  - {id: first, kind: canary, from: small, to: mid, share: 0.01}
  - {id: second, kind: ab, from: small, to: large, share: 0.5}
  - {id: third, kind: shadow, from: small, to: tiny, share: 0.01}
default: {steps: [small], shadow: {targets: [sentiment], share: 0.01}}
tests:
  - {prompt: x, expect: {target: small}}
  - {prompt: x, expect: {forbidden_target: mid}}
  - {prompt: x, expect: {forbidden_target: large}}
  - {prompt: x, expect: {forbidden_target: tiny}}
  - {prompt: x, expect: {forbidden_target: sentiment}}
"""


def test_what_is_forbidden_is_forbidden_however_the_draws_go():
    """Cases are decided as without experiments, and no draw may send a request where a case forbids it."""
    results = run_cases(loaded(EXPERIMENTS), _facts_for)
    assert [[failure.message for failure in result.failures] for result in results] == [
        [],
        ["forbidden target `mid` is step 1 of the plan when experiment `first` draws it"],
        ["forbidden target `large` is step 1 of the plan when experiment `second` draws it"],
        ["forbidden target `tiny` gets the request as a shadow"],
        ["forbidden target `sentiment` gets the request as a shadow"],
    ]
