"""Warnings about sound policies: what nothing reaches, what cannot run, what no value meets."""

from __future__ import annotations

import re

import pytest

from policies.knowledge import Knowledge
from policies.labels import Labels
from policies.review import review
from tests.unit.policies.build import DEFAULT, loaded

TARGETS = """
version: 1
targets:
  judge: {kind: specialist, model: sentiment}
  small: {kind: local, model: smollm2, context_tokens: 2000}
  mid: {kind: upstream, model: openai/gpt-5-mini}
  plain: {kind: upstream, model: openai/plain, supports: []}
  large: {kind: upstream, model: openai/gpt-5, max_cost_usd: 0.5}
"""
PRICE = {"small": 0.0, "mid": 1e-6, "plain": 1e-6, "large": 1e-5}
KNOWN = Knowledge(
    labels=Labels(tasks=frozenset({"chat", "code"})),
    attainable=lambda policy: {
        "difficulty": (0.1, 0.9),
        "success.mid": (0.9, 0.9),
        "success.small": (0.2, 0.7),
    },
    costs=lambda policy: lambda tokens, limit: {n: p * (tokens + (limit or 256)) for n, p in PRICE.items()},
)


def warnings(rest: str, knowledge: Knowledge = KNOWN, targets: str = TARGETS) -> list[str]:
    """What is said about a policy that loads."""
    found = list(review(loaded(rest, targets=targets).policy, knowledge))
    assert {problem.severity for problem in found} <= {"warning"}
    return [problem.message for problem in found]


def rule(when: str, then: str = "{steps: [mid, large]}") -> str:
    """A policy of one rule."""
    return f"rules: [{{id: a, when: {when}, then: {then}}}]\ndefault: {{steps: [mid, large]}}\n"


def rules(*whens: str, then: str = "{steps: [mid, large]}") -> str:
    """A policy of several rules, `a`, `b` and so on."""
    listed = [f"{{id: {chr(97 + i)}, when: {when}, then: {then}}}" for i, when in enumerate(whens)]
    return f"rules: [{', '.join(listed)}]\ndefault: {{steps: [mid, large]}}\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (rules("{}", "{tools: true}"), "never chosen: rule `a` before it always matches"),
        (
            rules("{task: [code], tools: true}", "{tools: true, task: code}"),
            "never chosen: rule `a` before it takes every request that it matches",
        ),
        (
            rules("{task: code}", "{task: chat}", "{}"),
            "never chosen: rules `a` and `b` before it together take every request that it matches",
        ),
        (
            rules("{}", "{tools: true}", then="{steps: [mid, large], forbid: [small]}"),
            "never chosen: rule `a` before it always matches; what it forbids still holds",
        ),
        (
            rules("{task: code, not: {task: code}, tools: true}"),
            "never holds: no request meets `task` and `not` together",
        ),
        (
            rules("{model: mid}"),
            "never chosen: targets and aliases that `model` names are answered before any rule",
        ),
        (rules("{any: [{tools: true}, {task: code}], not: {task: code}}"), "this alternative never holds"),
        (
            'aliases: {"gpt-*": auto, "gpt-4*": mid}\n' + rules("{tools: true}"),
            "never used: every name that `gpt-4*` matches is a target or an earlier alias",
        ),
    ],
)
def test_what_nothing_reaches(rest, expected):
    """A rule, an alternative or an alias without any request is told, with what stands in its way."""
    assert warnings(rest) == [expected]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{difficulty: {at_least: 0.95}}",
         "never met: `difficulty` is never at least 0.95; this classifier gives 0.1 to 0.9"),
        ("{success: {mid: {above: 0.9}}}", "never met: `success.mid` is never above 0.9; it is always 0.9"),
        ("{difficulty: {below: 0.95}, tools: true}", "no effect: `difficulty` is always below 0.95"),
        ("{tokens: {at_least: 0}, tools: true}", "no effect: `tokens` is always at least 0"),
        ("{not: {any: [{difficulty: {above: 0.9}}]}, tools: true}",
         "never met: `difficulty` is never above 0.9; this classifier gives 0.1 to 0.9"),
    ],
)  # fmt: skip
def test_bounds_outside_what_the_classifier_gives(when, expected):
    """A bound that no value or every value meets is told once, with what values there are."""
    assert warnings(rule(when)) == [expected]


@pytest.mark.parametrize(
    "when", ["{difficulty: {at_least: 0.9}}", "{max_output_tokens: {at_least: 0}}", "{}"]
)
def test_bounds_that_some_values_meet(when):
    """The last attainable value counts, and so does being given at all."""
    assert warnings(rule(when)) == []


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (
            "{steps: [judge]}",
            "no fallback: a specialist abstains when it is unsure, and then nothing answers; "
            "name another target after it, e.g. `mid`",
        ),
        (
            "{steps: [judge, small], accept: {confidence: 0.5}}",
            "no fallback: when every step is less sure than `accept` asks, nothing answers; "
            "name another target after it, e.g. `mid`",
        ),
        (
            "{steps: [mid]}",
            "no fallback: when `mid` fails, so does the request; name another target after it, e.g. `plain`",
        ),
        (
            "{choose: best, among: [small]}",
            "no fallback: when `small` fails, so does the request; name another target after it, e.g. `mid`",
        ),
        ("{choose: cheapest, success: 0.95, among: [small, mid]}",
         "never reached: no target here can have more than 0.9, that of `mid`"),
    ],
)  # fmt: skip
def test_plans_that_may_end_without_an_answer(then, expected):
    """A plan without a fallback says who could be one; a threshold that nobody reaches says who is nearest."""
    assert warnings(rule("{pii: {above: 0.5}}", then)) == [expected]


def test_no_fallback_is_asked_for_where_none_is_allowed():
    """A plan that forbids every other target is as its author wants it."""
    assert warnings(rule("{pii: {above: 0.5}}", "{steps: [small], forbid: [upstream]}")) == []


@pytest.mark.parametrize(
    ("when", "then", "expected"),
    [
        (
            "{tools: true}",
            "{steps: [plain, small]}",
            "never runs: every request of this rule needs tools, and no target here supports them",
        ),
        (
            "{any: [{modalities: [image], stream: true}, {all: [{modalities: image}]}]}",
            "{steps: [plain, small]}",
            "never runs: every request of this rule needs images, and no target here supports them",
        ),
        (
            "{tokens: {above: 2000}}",
            "{steps: [small, mid]}",
            "`small` is never used: it has room for 2000 tokens, and requests here have 2001 or more",
        ),
        (
            "{tokens: {at_least: 60000}}",
            "{steps: [large, mid]}",
            "`large` is never used: a request of 60000 tokens is expected to cost $0.6, above `max_cost_usd` $0.5",
        ),
        (
            "{tools: true}",
            "{steps: [large, mid], budget: 0.00001}",
            "`large` is never used: any request is expected to cost $2e-05, above `budget` $1e-05",
        ),
    ],
)  # fmt: skip
def test_targets_that_can_do_nothing_for_their_rule(when, then, expected):
    """What the rule lets in decides whether a step can ever run."""
    assert warnings(rule(when, then)) == [expected]


def test_a_cap_below_the_smallest_request_is_told_at_the_target():
    """A cap that no request stays below is one finding, not one for each rule."""
    targets = TARGETS.replace("0.5", "0.00001")
    assert warnings(rule("{tools: true}"), targets=targets) == [
        "never met: the smallest request to `large` is expected to cost $2e-05"
    ]


def test_without_knowledge_only_the_policy_itself_is_judged():
    """Neither bounds nor prices are guessed."""
    rest = rule("{difficulty: {at_least: 0.95}, tokens: {at_least: 90000}}", "{steps: [mid, large]}")
    assert list(review(loaded(rest, targets=TARGETS).policy)) == []


def test_the_default_policy_of_these_tests_is_told_what_it_lacks():
    """The default plan is judged like that of a rule."""
    assert warnings(DEFAULT) == [
        "no fallback: when `small` fails, so does the request; name another target after it, e.g. `mid`"
    ]


def test_rules_that_took_too_long_to_judge_are_counted():
    """Silence about a rule means that it is reachable, unless a note says that nobody knows."""
    globs = [f"{{metadata: {{team: '*{i}*{i * 7 % 31}*{i * 5 % 17}'}}}}" for i in range(400)]
    listed = ", ".join(f"{{id: r{i}, when: {w}, then: {{steps: [mid, large]}}}}" for i, w in enumerate(globs))
    text = f"rules: [{listed}]\ndefault: {{steps: [mid, large]}}\n"
    notes = [p for p in review(loaded(text, targets=TARGETS).policy, KNOWN) if p.severity == "note"]
    (only,) = notes
    assert re.match(
        r"too entangled to tell whether a request reaches \d+ of 400 rules: `r\d+`, ", only.message
    )
    assert (only.loc, only.check) == (("rules",), "reach")
