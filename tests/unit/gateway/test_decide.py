"""Signals become facts, completely."""

from __future__ import annotations

from dataclasses import fields

import pytest

from gateway.decide import decide, facts, target_success
from gateway.feedback import Control
from gateway.grants import Scopes
from gateway.types import Attempt, Caller
from policies.facts import Facts
from tests.unit.gateway.build import SIGNALS, call, live

REQUEST = {
    "model": "gpt-4o",
    "stream": True,
    "tools": [{"type": "function"}],
    "response_format": {"type": "json_object"},
    "max_tokens": 9,
    "metadata": {"team": "search"},
    "messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "x"}]}],
}
# 2023-11-14 22:13:20 UTC
AT_NS = 1_700_000_000 * 10**9


def test_no_fact_keeps_its_default():
    """A fact that is added to the language and not filled here would quietly never match."""
    caller = Caller("acme", "app", scopes=Scopes(targets=("small",)))
    some = call(REQUEST, caller=caller, headers={"x-session-id": "s"}, received_ns=AT_NS)
    policy = live(environ={})
    policy.feedback.control = Control(shadow_usd=2.0, shadow_s=0.1, ended=frozenset({"trial"}))
    policy.feedback.observe([Attempt("small", "m", "worker", "ok", 0, 0, first_ms=5.0)] * 20)
    found = facts(some, SIGNALS, policy, {"rule": "small"})
    default = Facts()
    unfilled = [f.name for f in fields(Facts) if getattr(found, f.name) == getattr(default, f.name)]
    assert unfilled == []


def test_facts_say_what_the_call_and_its_signals_say():
    """Value by value."""
    some = call(REQUEST, caller=Caller("acme", "app"), headers={"x-app": "web"}, received_ns=AT_NS)
    found = facts(some, SIGNALS, live())
    assert (found.model, found.tenant, found.key) == ("gpt-4o", "acme", "app")
    assert (found.metadata, found.headers) == ({"team": "search"}, {"x-app": "web"})
    assert (found.stream, found.tools, found.json_schema) == (True, True, True)
    assert (found.modalities, found.max_output_tokens) == ({"text", "image"}, 9)
    assert found.hour_utc == pytest.approx(22 + 13 / 60)
    for name in ("task", "task_confidence", "domain", "domain_confidence", "difficulty", "pii", "injection",
                 "language", "tokens"):  # fmt: skip
        assert getattr(found, name) == getattr(SIGNALS, name)


def test_success_is_by_ability_then_by_difficulty_then_by_kind():
    """A target with a known ability uses it; a local one without is the reference small tier; the rest is assumed."""
    policy = live(
        """
version: 1
targets:
  able: {kind: upstream, model: openai/gpt-5, ability: gpt-5}
  unknown: {kind: upstream, model: openai/x, ability: never-measured}
  small: {kind: local, model: s}
  judge: {kind: specialist, model: sentiment}
default: {steps: [small]}
"""
    ).policy
    assert target_success(policy, SIGNALS) == {"able": 0.97, "unknown": 0.9, "small": 0.75, "judge": 0.5}


def test_a_missing_upstream_is_a_fact_with_its_reason():
    """The plan skips it and says what to set."""
    decision = decide(call(), SIGNALS, live(environ={}))
    assert [step.target for step in decision.plan.steps] == ["small"]
    assert [(s.target, s.reason) for s in decision.plan.skipped] == [("mid", "set `OPENAI_API_KEY`")]
