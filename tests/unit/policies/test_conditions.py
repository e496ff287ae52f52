"""Conditions: what each one accepts, and how it explains itself."""

from __future__ import annotations

import time

import pytest

from policies.facts import Facts
from policies.patterns import glob_matcher
from tests.unit.policies.build import checks, holds


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        ({"at_least": 0.6}, 0.6, 0.59),
        ({"above": 0.6}, 0.61, 0.6),
        ({"at_most": 0.6}, 0.6, 0.61),
        ({"below": 0.6}, 0.59, 0.6),
        ({"at_least": 0.2, "below": 0.6}, 0.2, 0.6),
        ({"at_least": 0.2, "below": 0.6}, 0.5, 0.1),
    ],
)
def test_range_bounds(limits, inside, outside):
    """Each bound includes or excludes its own value as it says."""
    assert holds({"difficulty": limits}, Facts(difficulty=inside))
    assert not holds({"difficulty": limits}, Facts(difficulty=outside))


def test_unknown_number_fails_every_bound():
    """A limit on output that the client did not give, or a success that is not known, satisfies nothing."""
    assert not holds({"max_output_tokens": {"at_least": 0}}, Facts(max_output_tokens=None))
    assert not holds({"success": {"small": {"at_most": 1}}}, Facts(success={}))
    assert holds({"success": {"small": {"at_least": 0.5}}}, Facts(success={"small": 0.5}))
    assert not holds({"difficulty": {"at_most": 1}}, Facts(difficulty=float("nan")))


@pytest.mark.parametrize(
    ("when", "fits", "does_not"),
    [
        ({"task": "code"}, Facts(task="code"), Facts(task="math")),
        ({"task": ["code", "math"]}, Facts(task="math"), Facts(task="chat")),
        ({"domain": "law"}, Facts(domain="law"), Facts()),
        ({"language": ["de", "fr"]}, Facts(language="fr"), Facts(language="en")),
        ({"tools": True}, Facts(tools=True), Facts(tools=False)),
        ({"stream": False}, Facts(stream=False), Facts(stream=True)),
        ({"json_schema": True}, Facts(json_schema=True), Facts()),
        ({"model": "gpt-*"}, Facts(model="gpt-4o"), Facts(model="my-gpt-4o")),
        ({"tenant": ["acme", "beta-?"]}, Facts(tenant="beta-1"), Facts(tenant="beta-12")),
        ({"key": "k[12]"}, Facts(key="k2"), Facts(key="k3")),
        ({"metadata": {"team": "ops*"}}, Facts(metadata={"team": "ops-eu"}), Facts(metadata={"x": "ops"})),
        ({"header": {"X-App": "web"}}, Facts(headers={"x-app": "web"}), Facts(headers={"x-app": "Web"})),
        (
            {"modalities": ["text", "image"]},
            Facts(modalities=frozenset({"text", "image", "audio"})),
            Facts(modalities=frozenset({"text"})),
        ),
        ({"tokens": {"above": 10}}, Facts(tokens=11), Facts(tokens=10)),
        ({"not": {"task": "code"}}, Facts(task="math"), Facts(task="code")),
        ({"any": [{"tools": True}, {"pii": {"above": 0.5}}]}, Facts(pii=0.6), Facts(pii=0.5)),
        ({"all": [{"tools": True}, {"stream": True}]}, Facts(tools=True, stream=True), Facts(tools=True)),
        ({"tools": True, "stream": True}, Facts(tools=True, stream=True), Facts(stream=True)),
    ],
)
def test_each_condition(when, fits, does_not):
    """Every kind of condition holds for the facts it names and for no others."""
    assert holds(when, fits)
    assert not holds(when, does_not)


@pytest.mark.parametrize(
    ("start", "end", "hour", "inside"),
    [
        ("09:00", "17:00", 9.0, True),
        ("09:00", "17:00", 17.0, False),
        ("22:00", "06:00", 23.5, True),
        ("22:00", "06:00", 5.99, True),
        ("22:00", "06:00", 6.0, False),
        ("22:00", "06:00", 12.0, False),
        ("08:30", "09:00", 8.5, True),
    ],
)
def test_time_window(start, end, hour, inside):
    """A window starts when it says, ends just before it says, and may pass midnight."""
    assert holds({"time": {"from": start, "to": end}}, Facts(hour_utc=hour)) is inside


def test_no_condition_always_holds():
    """A rule without conditions is a catch-all."""
    assert holds({}, Facts())
    assert holds({"any": [{}]}, Facts())
    assert not holds({"not": {}}, Facts())


def test_explanation_stops_at_the_first_failure():
    """The explanation has every check that passed and ends with the one that failed."""
    when = {"task": "sentiment", "task_confidence": {"at_least": 0.8}, "tokens": {"at_most": 10}}
    assert checks(when, Facts(task="sentiment", task_confidence=0.61234)) == [
        ("task", "sentiment", "sentiment", True),
        ("task_confidence", "at least 0.8", "0.6123", False),
    ]


def test_alternatives_explain_themselves_as_one_check():
    """`any` and `not` are one check each, with every condition in words and every value."""
    when = {"any": [{"difficulty": {"at_least": 0.6}}, {"tools": True, "not": {"stream": True}}]}
    assert checks(when, Facts(difficulty=0.25)) == [
        (
            "any",
            "difficulty at least 0.6 or tools is true and not (stream is true)",
            "difficulty 0.25, tools false, stream false",
            False,
        )
    ]


def test_absent_values_are_named():
    """A value that is not there is said to be absent or unknown, not shown as empty."""
    assert checks({"metadata": {"team": "ops"}}, Facts()) == [("metadata.team", "ops", "absent", False)]
    assert checks({"success": {"small": {"at_least": 0.5}}}, Facts()) == [
        ("success.small", "at least 0.5", "unknown", False)
    ]


def test_time_is_explained_as_a_clock():
    """The hour of the day is shown as people write it."""
    assert checks({"time": {"from": "22:00", "to": "06:00"}}, Facts(hour_utc=9.2)) == [
        ("time", "from 22:00 to 06:00 UTC", "09:12", False)
    ]


def test_hostile_glob_is_fast():
    """A glob made to backtrack takes no longer than a plain search."""
    matches = glob_matcher(["*a" * 100 + "b"])
    start = time.perf_counter()
    assert not matches("a" * 20_000)
    assert time.perf_counter() - start < 1
