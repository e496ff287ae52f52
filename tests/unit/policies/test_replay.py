"""Deciding again on what was recorded, and following a plan through it."""

from __future__ import annotations

import pytest

from policies.decision import CachePlan, Hedge, Plan, Stage, Step
from policies.facts import Facts
from policies.replay import Observed, Tried, decide_again, follow, special_route
from tests.unit.policies.build import loaded


def plan(*steps, **more):
    """A plan of targets, each with its threshold of acceptance or none."""
    made = [Step(name, "local", name, accept_confidence=accept) for name, accept in steps]
    return Plan(tuple(made), CachePlan(), **more)


READS_TEAM = """
rules:
  - {id: hard, when: {difficulty: {at_least: 0.9}}, then: {steps: [large]}}
  - {id: team, when: {metadata: {team: a}}, then: {steps: [mid]}}
default: {steps: [small]}
"""


@pytest.mark.parametrize(
    ("recorded", "difficulty", "expected"),
    [
        ({"team": "a"}, 0.1, "team"),
        ({"team": None}, 0.1, "default"),
        ({}, 0.1, "metadata.team"),
        ({}, 0.95, "hard"),
    ],
)
def test_only_a_fact_that_is_looked_at_has_to_be_known(recorded, difficulty, expected):
    """Absent is known, unrecorded is not; a rule that matches before the question comes up decides all the same."""
    found = decide_again(
        loaded(READS_TEAM).compiled, Facts(metadata=Observed(recorded), difficulty=difficulty)
    )
    assert (found if isinstance(found, str) else found.rule) == expected


def test_an_unknown_chance_of_success_is_not_taken_for_none():
    """Choosing by success needs it for every candidate."""
    compiled = loaded("default: {choose: best, among: [small, mid]}\n").compiled
    assert decide_again(compiled, Facts(success=Observed({"small": 0.5}))) == "success.mid"


@pytest.mark.parametrize(
    ("steps", "tried", "target", "known"),
    [
        ([("a", None)], [("a", "ok", None)], "a", True),
        ([("b", None)], [("a", "ok", None)], "b", False),
        ([("a", 0.9), ("b", None)], [("a", "ok", 0.8)], "b", False),
        ([("a", 0.7), ("b", None)], [("a", "ok", 0.8)], "a", True),
        ([("a", 0.7), ("b", None)], [("a", "unsure", 0.8), ("b", "ok", None)], "a", False),
        ([("a", 0.9), ("b", None)], [("a", "unsure", 0.8), ("b", "ok", None)], "b", True),
        ([("b", None)], [("a", "unsure", 0.8), ("b", "ok", None)], "b", True),
        ([("a", None), ("c", None)], [("a", "failed", None), ("b", "ok", None)], "c", False),
        ([("a", None)], [("a", "failed", None)], None, True),
        ([("a", None)], [("a", "declined", None)], None, True),
        ([], [("a", "ok", None)], None, True),
        ([("a", None)], [], "a", False),
    ],
)
def test_a_plan_is_followed_as_far_as_the_record_goes(steps, tried, target, known):
    """Calls that were made end as they did; the first that was not made is where knowledge ends."""
    found = follow(plan(*steps), [Tried(name, status, 1.0, confidence) for name, status, confidence in tried])
    assert (found.target, found.known) == (target, known)


def test_who_wins_a_race_that_never_was_is_not_known():
    """A hedge changes nothing where the first step answered in time."""
    hedged = plan(("a", None), ("b", None), hedge=Hedge(after_s=0.5, spend_share=0.1))
    assert follow(hedged, [Tried("a", "ok", 400.0)]).known
    assert not follow(hedged, [Tried("a", "ok", 600.0)]).known


def test_what_a_chain_says_is_not_known():
    """Its stages are asked something else than the client asked."""
    chained = plan(("a", None), chain=(Stage(Step("a", "local", "a"), "say {request}"),))
    assert not follow(chained, [Tried("a", "ok")]).known
    assert special_route(chained) != special_route(
        plan(("a", None), chain=(Stage(Step("a", "local", "a"), "x"),))
    )
    assert special_route(plan(("a", None))) is None
