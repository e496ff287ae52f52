"""Facts come back from a record, completely."""

from __future__ import annotations

from dataclasses import fields

import pytest
from msgspec.structs import replace

from gateway.decide import facts
from gateway.feedback import Control
from gateway.grants import Scopes
from gateway.redecide import MODEL_CUT, SESSION_CUT
from gateway.types import Caller
from policies.facts import Facts
from tests.unit.gateway.build import SIGNALS, call, live
from tests.unit.gateway.stored import stored, view
from tests.unit.gateway.test_decide import AT_NS, REQUEST

POLICY = """
version: 1
targets:
  small: {kind: local, model: s}
  mid: {kind: upstream, model: openai/gpt-4o-mini}
rules:
  - {id: a, when: {header: {x-app: web}, metadata: {team: search}}, then: {steps: [small]}}
default: {steps: [small, mid]}
"""


def everything():
    """A request and a policy of which no fact keeps its default."""
    policy = live(POLICY, environ={})
    policy.feedback.control = Control(0.25, 0.5, frozenset({"over"}))
    policy.feedback.latency_p95_ms["mid"] = 321.0
    body = REQUEST | {"metadata": {"team": "search", "session_id": "s-1"}}
    caller = Caller("acme", "app", Scopes(targets=("small",)))
    return policy, call(body, caller=caller, headers={"x-app": "web"}, received_ns=AT_NS)


@pytest.mark.parametrize("name", [field.name for field in fields(Facts)])
def test_every_fact_comes_back(name):
    """A fact that is added to the language and not recorded would quietly be another one in a replay."""
    policy, some = everything()
    settled = {"session default": "small"}
    record, _ = stored(policy, some, settled=settled)
    then, now = facts(some, SIGNALS, policy, settled), view(policy).facts(record)
    expected, found = getattr(then, name), getattr(now, name)
    if name == "unavailable":  # why it was is not recorded
        expected, found = set(expected), set(found)
    if name == "metadata":  # only what the policy reads is recorded
        expected = {"team": "search"}
    assert found == expected
    assert getattr(then, name) != getattr(Facts(), name) or name == "request_id"


def test_what_was_too_long_to_keep_is_not_known():
    """A model or a session of which a part is missing could be another one."""
    record, _ = stored(live())
    seen = view()
    assert seen.facts(replace(record, facts={**record.facts, "model": None})) == MODEL_CUT
    assert seen.facts(replace(record, facts={**record.facts, "session": None})) == SESSION_CUT
