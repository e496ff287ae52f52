"""Plans: which steps are usable, in which order, and what stands in for a missing upstream."""

from __future__ import annotations

import pytest

from policies.engine import decide
from policies.facts import Facts
from tests.unit.policies.build import TARGETS, loaded

CHOOSE = "default: {choose: cheapest, success: 0.8, among: [small, mid, large]}\n"
NO_KEY = {"mid": "set `OPENAI_API_KEY`", "large": "set `OPENAI_API_KEY`"}


def _plan(rest: str, facts: Facts | None = None):
    return decide(loaded(rest).compiled, facts or Facts()).plan


def _targets(plan) -> list[str]:
    return [step.target for step in plan.steps]


@pytest.mark.parametrize(
    ("facts", "cause", "reason"),
    [
        (Facts(unavailable={"mid": "set `X`"}), "unavailable", "set `X`"),
        (Facts(tools=True), "incapable", "does not support tools"),
        (Facts(json_schema=True), "incapable", "does not support JSON schemas"),
        (Facts(modalities=frozenset({"text", "image"})), "incapable", "does not support images"),
        (Facts(modalities=frozenset({"video"})), "incapable", "does not support video"),
        (
            Facts(tokens=80, max_output_tokens=21),
            "incapable",
            "needs 101 tokens of context and has 100",
        ),
        (Facts(cost_usd={"mid": 0.02}), "too_costly", "expected to cost $0.02, above $0.01"),
    ],
)
def test_unusable_steps_are_skipped_with_a_reason(facts, cause, reason):
    """A step that cannot take the request is left out, and the plan says why."""
    targets = """
version: 1
targets:
  mid: {kind: upstream, model: o/m, supports: [], context_tokens: 100, max_cost_usd: 0.01}
  large: {kind: upstream, model: o/l}
"""
    plan = decide(loaded("default: {steps: [mid, large]}", targets=targets).compiled, facts).plan
    assert _targets(plan) == ["large"]
    assert [(s.target, s.cause, s.reason) for s in plan.skipped] == [("mid", cause, reason)]


def test_local_targets_support_only_text_unless_they_say_more():
    """Tools go past a local model that does not claim them."""
    targets = """
version: 1
targets:
  plain: {kind: local, model: p}
  able: {kind: local, model: a, supports: [tools]}
"""
    compiled = loaded("default: {steps: [plain, able]}", targets=targets).compiled
    assert _targets(decide(compiled, Facts(tools=True)).plan) == ["able"]


def test_steps_carry_timeouts_retries_and_acceptance():
    """A plan overrides its targets' limits, and `accept` holds local answers only."""
    plan = _plan(
        "default: {steps: [sentiment, small, mid], accept: {confidence: 0.8}, timeout_s: 5, retries: 3}"
    )
    assert [(s.accept_confidence, s.timeout_s, s.retries) for s in plan.steps] == [
        (0.8, 5, 3),
        (0.8, 5, 3),
        (None, 5, 3),
    ]


def test_cache_settings_reach_the_plan():
    """A plan says whether and for how long its answer may be kept."""
    cache = _plan("default: {steps: [small], cache: {exact: false, ttl_s: 60, sampled: true}}").cache
    assert (cache.exact, cache.ttl_s, cache.sampled) == (False, 60, True)


def test_cheapest_that_is_good_enough_comes_first():
    """The cheapest target that reaches the success asked for is chosen; stronger ones follow, then weaker."""
    facts = Facts(
        success={"sentiment": 0.97, "small": 0.3, "tiny": 0.2, "mid": 0.85, "large": 0.95},
        cost_usd={"small": 0.0, "tiny": 0.0, "mid": 0.001, "large": 0.02, "sentiment": 0.03},
    )
    rest = "default: {choose: cheapest, success: 0.8, among: [tiny, sentiment, small, large, mid]}"
    assert _targets(_plan(rest, facts)) == ["mid", "large", "sentiment", "small", "tiny"]


def test_unknown_cost_counts_as_highest():
    """A target whose price nobody knows is not taken for a bargain."""
    facts = Facts(success={"mid": 0.9, "large": 0.9}, cost_usd={"large": 0.02})
    assert _targets(_plan(CHOOSE, facts))[0] == "large"


def test_best_effort_if_none_is_good_enough():
    """If nothing reaches the success asked for, the most likely to succeed comes first."""
    facts = Facts(
        success={"small": 0.1, "mid": 0.4, "large": 0.6}, cost_usd={"small": 0, "mid": 1, "large": 0.4}
    )
    assert _targets(_plan(CHOOSE, facts)) == ["large", "mid", "small"]


def test_best_ignores_cost():
    """`best` orders by success alone."""
    facts = Facts(success={"small": 0.1, "mid": 0.9, "large": 0.8}, cost_usd={"mid": 5.0})
    assert _targets(_plan("default: {choose: best, among: [small, mid, large]}", facts)) == [
        "mid",
        "large",
        "small",
    ]


def test_missing_upstream_fails_by_default():
    """Without an upstream the plan is empty and says which variable to set."""
    plan = _plan("default: {steps: [large, mid]}", Facts(unavailable=NO_KEY))
    assert (plan.steps, plan.degraded) == ((), None)
    assert [s.reason for s in plan.skipped] == ["set `OPENAI_API_KEY`"] * 2


def test_missing_upstream_degrades_where_the_policy_says_so():
    """The local target most likely to succeed stands in, and the plan says that it does."""
    rest = "on_missing_upstream: degrade\ndefault: {steps: [large, mid]}"
    plan = _plan(rest, Facts(unavailable=NO_KEY, success={"small": 0.3, "tiny": 0.4}))
    assert (_targets(plan), plan.degraded) == (["tiny"], "missing-upstream")
    assert len(plan.skipped) == 2


def test_plan_overrides_the_policy_on_missing_upstreams():
    """A rule may insist on failing where the policy degrades, and the reverse."""
    strict = "on_missing_upstream: degrade\ndefault: {steps: [large], on_missing_upstream: fail}"
    lenient = "default: {steps: [large], on_missing_upstream: degrade}"
    assert _plan(strict, Facts(unavailable=NO_KEY)).steps == ()
    assert _targets(_plan(lenient, Facts(unavailable=NO_KEY))) == ["small"]


def test_stand_in_ignores_offered_tools_but_nothing_else():
    """A degraded answer may leave offered tools unused; it may not ignore an image."""
    rest = "on_missing_upstream: degrade\ndefault: {steps: [large]}"
    assert _targets(_plan(rest, Facts(unavailable=NO_KEY, tools=True))) == ["small"]
    image = Facts(unavailable=NO_KEY, modalities=frozenset({"text", "image"}))
    assert _plan(rest, image).steps == ()


def test_stand_in_is_never_forbidden():
    """A forbidden local model does not stand in."""
    rest = "on_missing_upstream: degrade\ndefault: {steps: [large], forbid: [local]}"
    assert _plan(rest, Facts(unavailable=NO_KEY)).steps == ()


def test_model_asked_for_by_name_is_never_replaced():
    """A client that names a target gets that target or an error; an alias may degrade."""
    rest = 'on_missing_upstream: degrade\naliases: {"gpt-*": large}\ndefault: {steps: [small]}'
    assert _plan(rest, Facts(model="large", unavailable=NO_KEY)).steps == ()
    assert _targets(_plan(rest, Facts(model="gpt-5", unavailable=NO_KEY))) == ["small"]


def test_choice_does_not_fall_silently_to_a_weak_model():
    """If every upstream is missing and no local model is good enough, that is a missing upstream."""
    facts = Facts(unavailable=NO_KEY, success={"small": 0.3, "mid": 0.9, "large": 0.95})
    plan = _plan(CHOOSE, facts)
    assert plan.steps == ()
    assert [(s.target, s.cause) for s in plan.skipped] == [
        ("mid", "unavailable"),
        ("large", "unavailable"),
        ("small", "too_weak"),
    ]
    degraded = _plan("on_missing_upstream: degrade\n" + CHOOSE, facts)
    assert (_targets(degraded), degraded.degraded) == (["small"], "missing-upstream")


def test_choice_needs_no_upstream_if_a_local_model_is_good_enough():
    """A good local model answers although no upstream is configured, and that is no degradation."""
    facts = Facts(unavailable=NO_KEY, success={"small": 0.85, "mid": 0.9})
    plan = _plan(CHOOSE, facts)
    assert (_targets(plan), plan.degraded) == (["small"], None)


def test_choice_with_one_upstream_left_uses_it():
    """While one upstream works, the best of what is left answers."""
    facts = Facts(unavailable={"large": "down"}, success={"small": 0.3, "mid": 0.7, "large": 0.95})
    assert _targets(_plan(CHOOSE, facts)) == ["mid", "small"]


def test_best_does_not_fall_silently_to_a_weak_model():
    """`best` without its upstreams fails unless the local model is the best anyway."""
    rest = "default: {choose: best, among: [small, large]}"
    weak = Facts(unavailable=NO_KEY, success={"small": 0.3, "large": 0.9})
    strong = Facts(unavailable=NO_KEY, success={"small": 0.9, "large": 0.9})
    assert _plan(rest, weak).steps == ()
    assert _targets(_plan(rest, strong)) == ["small"]


def test_incapable_upstream_is_not_a_missing_one():
    """A request that no upstream could take anyway does not count as a missing upstream."""
    targets = TARGETS.replace("openai/gpt-5-mini}", "openai/gpt-5-mini, supports: []}")
    rest = "on_missing_upstream: degrade\ndefault: {steps: [mid]}"
    plan = decide(loaded(rest, targets=targets).compiled, Facts(tools=True, unavailable=NO_KEY)).plan
    assert (plan.steps, plan.degraded) == ((), None)
    assert [s.cause for s in plan.skipped] == ["incapable"]


def test_fastest_that_is_good_enough_comes_first():
    """Of those that reach the success asked for, the one with the least latency; unknown counts as slowest."""
    facts = Facts(
        success={"small": 0.3, "tiny": 0.9, "mid": 0.85, "large": 0.95},
        latency_p95_ms={"small": 5.0, "mid": 300.0, "large": 900.0},
    )
    rest = "default: {choose: fastest, success: 0.8, among: [small, tiny, large, mid]}"
    assert _targets(_plan(rest, facts)) == ["mid", "tiny", "large", "small"]


def test_best_pays_the_shadow_prices():
    """While a limit binds, success has to be worth its cost and its time; what is not known comes last."""
    rest = "default: {choose: best, among: [small, tiny, mid, large]}"
    known = {
        "success": {"small": 0.6, "mid": 0.85, "large": 0.95, "tiny": 0.99},
        "cost_usd": {"small": 0.0, "mid": 0.01, "large": 0.05},
        "latency_p95_ms": {"small": 100.0, "mid": 1000.0, "large": 500.0},
    }
    assert _targets(_plan(rest, Facts(**known))) == ["tiny", "large", "mid", "small"]
    assert _targets(_plan(rest, Facts(**known, shadow_usd=4.0))) == ["mid", "large", "small", "tiny"]
    assert _targets(_plan(rest, Facts(**known, shadow_s=1.0))) == ["small", "large", "mid", "tiny"]


def test_a_plan_has_a_budget():
    """A target that is dearer than the plan may be is skipped, one without a price is not."""
    plan = _plan("default: {steps: [small, mid, large], budget: 0.01}", Facts(cost_usd={"mid": 0.02}))
    assert _targets(plan) == ["small", "large"]
    assert [s.reason for s in plan.skipped] == ["expected to cost $0.02, above $0.01"]
