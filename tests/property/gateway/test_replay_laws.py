"""What a record holds is enough to make its decision again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.keys import routing_inputs
from gateway.feedback import Control, Feedback
from gateway.live import LivePolicy
from gateway.records.replay import Deciders, replay
from gateway.telemetry.cost import Prices
from gateway.types import Caller
from policies.engine import compile_policy
from routers.ability import PredictedSuccess
from routers.signals import RequestText, Signals
from tests.property.policies.strategies import MODELS, TASKS, law, policies
from tests.unit.gateway.build import call
from tests.unit.gateway.stored import CLASSIFIER, stored, view

probability = st.floats(0, 1)
calls = st.builds(
    lambda model, stream, tools, schema, limit, team, app, session, at: call(
        {"model": model or "auto", "stream": stream, "metadata": team}
        | ({"tools": [{"type": "function"}]} if tools else {})
        | ({"response_format": {"type": "json_object"}} if schema else {})
        | ({"max_tokens": limit} if limit else {}),
        headers=app | session,
        caller=Caller("acme", "app"),
        received_ns=at,
    ),
    st.sampled_from(MODELS) | st.text(min_size=1, max_size=300),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(1, 200),
    st.dictionaries(st.just("team"), st.text(max_size=4), max_size=1),
    st.dictionaries(st.just("x-app"), st.text(max_size=4), max_size=1),
    st.dictionaries(st.just("x-session-id"), st.text(max_size=4), max_size=1),
    st.integers(0, 2 * 10**18),
)
_embeddings = [
    CLASSIFIER.embed(RequestText(text)) for text in ("hello", "prove that 2 is prime", "fix my code")
]
_success = st.one_of(
    st.dictionaries(st.sampled_from(["small", "mid", "large"]), probability),
    st.sampled_from(_embeddings).map(CLASSIFIER.success),
)
signals = st.builds(
    Signals,
    task=st.sampled_from(TASKS),
    task_confidence=probability,
    domain=st.just("law"),
    domain_confidence=probability,
    difficulty=probability,
    success=_success,
    pii=probability,
    injection=probability,
    language=st.sampled_from(["en", "und"]),
    tokens=st.integers(0, 200),
)


@st.composite
def live_policies(draw) -> LivePolicy:
    """Any policy, with some targets missing and a controller that has found something out."""
    policy = draw(policies())
    feedback = Feedback()
    feedback.control = Control(draw(probability), draw(probability), frozenset(draw(st.sets(st.just("x")))))
    missing = draw(st.dictionaries(st.sampled_from(sorted(policy.targets)), st.just("set `KEY`")))
    compiled = compile_policy(policy, "v")
    return LivePolicy(
        policy, compiled, {}, missing, Prices(policy, 0.04), routing_inputs(policy), (), feedback
    )


@law
@given(live_policies(), calls, signals)
def test_a_record_decides_as_its_request_did(policy, some, seen):
    """Under the policy that was in force every record gives its own decision again, experiments and all."""
    record, decision = stored(policy, some, seen)
    again = view(policy).decide(record)
    assert not isinstance(again, str), again
    assert replace(again.decision, plan=decision.plan, considered=()) == replace(decision, considered=())
    assert replace(again.decision.plan, skipped=()) == replace(decision.plan, skipped=())


@law
@given(st.lists(st.tuples(calls, signals), max_size=3), live_policies())
def test_replaying_the_policy_in_force_reroutes_nothing(requests, policy):
    """What was recorded is what it would have done: 0 % rerouted, every outcome known, nothing refused."""
    records = [stored(policy, some, seen)[0] for some, seen in requests]
    decide = view(policy).decide
    found = replay(records, Deciders(decide, decide, {}))
    assert not found.undecided
    assert [(row.rerouted, row.known) for row in found.rows] == [(False, True)] * len(records)


def test_the_predicted_success_is_the_predicted_one():
    """The strategy above tries what the classifier gives, and not only plain mappings."""
    assert isinstance(CLASSIFIER.success(_embeddings[0]), PredictedSuccess)
