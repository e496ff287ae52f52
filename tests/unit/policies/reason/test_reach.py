"""Which rules can be reached: intervals, sets, globs, flags and time, over several rules together."""

from __future__ import annotations

import itertools
import time

import pytest

from policies.labels import Labels
from policies.model import Policy
from policies.reason.budget import Budget
from policies.reason.domain import domain
from policies.reason.reach import Verdict, reach

TARGETS = {"small": {"kind": "local", "model": "s"}, "judge": {"kind": "specialist", "model": "spam"}}
POSSIBLE = domain(Labels(), {})


def policy(whens: list[dict], **more) -> Policy:
    """A policy whose rules have these conditions."""
    rules = [{"id": f"r{i}", "when": when, "then": {"steps": ["small"]}} for i, when in enumerate(whens)]
    base = {"version": 1, "targets": TARGETS, "rules": rules, "default": {"steps": ["small"]}}
    return Policy.model_validate({**base, **more})


def last(*whens: dict, **more) -> Verdict:
    """The verdict on the last of these rules."""
    return reach(policy(list(whens), **more), POSSIBLE)[-1]


HALVES = ({"pii": {"below": 0.5}}, {"pii": {"at_least": 0.5}})


@pytest.mark.parametrize(
    ("whens", "by"),
    [
        ([{}, {"tools": True}], (0,)),
        ([{"difficulty": {"at_least": 0.5}}, {"difficulty": {"above": 0.5}}], (0,)),
        ([*HALVES, {"tools": True}], (0, 1)),
        ([{"stream": True}, *HALVES, {"tools": True}], (1, 2)),
        ([{"tokens": {"at_most": 9}}, {"tokens": {"at_least": 10}}, {}], (0, 1)),
        ([{"task": ["a", "b"]}, {"task": "a", "tools": True}], (0,)),
        ([{"not": {"task": "a"}}, {"task": ["a", "b"]}, {"task": ["a", "c"]}], (0, 1)),
        ([{"tenant": "acme-*"}, {"tenant": ["acme-eu", "acme-us-*"]}], (0,)),
        ([{"tenant": "a*"}, {"tenant": "*z"}, {"tenant": ["a?", "zz"]}], (0, 1)),
        ([{"header": {"X-App": "*"}}, {"header": {"x-app": "web"}}], (0,)),
        ([{"time": {"from": "22:00", "to": "06:00"}}, {"time": {"from": "23:00", "to": "05:00"}}], (0,)),
        (
            [{"time": {"from": "06:00", "to": "22:00"}}, {"time": {"from": "22:00", "to": "06:00"}}, {}],
            (0, 1),
        ),
        ([{"modalities": ["image"]}, {"modalities": ["image", "audio"]}], (0,)),
        ([{"any": [{"tools": True}, {"stream": True}]}, {"all": [{"stream": True}, {"task": "a"}]}], (0,)),
        ([{"not": {"tools": True, "stream": True}}, {"tools": True}, {"stream": True}], (0, 1)),
        ([{"metadata": {"team": {"pattern": "x+"}}}, {"metadata": {"team": {"pattern": "x+"}}}], (0,)),
    ],
)
def test_covered_rules_name_what_covers_them(whens, by):
    """A rule that earlier ones leave nothing is covered, by as few of them as do it."""
    assert last(*whens) == Verdict("covered", by=by)


@pytest.mark.parametrize(
    "whens",
    [
        [{"difficulty": {"above": 0.5}}, {"difficulty": {"at_least": 0.5}}],
        [{"pii": {"below": 0.5}}, {"pii": {"above": 0.5}}, {}],
        [{"tokens": {"at_most": 9}}, {"tokens": {"above": 10}}, {}],
        [{"max_output_tokens": {"below": 5}}, {"max_output_tokens": {"at_least": 5}}, {}],
        [{"success": {"small": {"below": 0.5}}}, {"success": {"small": {"at_least": 0.5}}}, {}],
        [{"metadata": {"team": "*"}}, {}],
        [{"tenant": "acme-*"}, {"tenant": ["acme", "acme-eu"]}],
        [{"tenant": "a*"}, {"tenant": "*z"}, {"tenant": "?z*"}],
        [{"task": "a*"}, {"task": ["ab"]}],
        [{"not": {"task": "a"}}, {"task": "a"}],
        [{"modalities": ["image", "audio"]}, {"modalities": "image"}],
        [{"metadata": {"team": {"pattern": "x+"}}}, {"metadata": {"team": "xx"}}],
        [{"metadata": {"team": {"pattern": "x+"}}}, {"metadata": {"team": {"pattern": "x*"}}}],
        [{"time": {"from": "06:00", "to": "22:00"}}, {"time": {"from": "22:00", "to": "05:59"}}, {}],
    ],
)
def test_what_some_request_reaches_is_not_called_unreachable(whens):
    """One value that is left over, an absent one too, is enough."""
    assert last(*whens).kind == "reachable"


@pytest.mark.parametrize(
    ("when", "keys"),
    [
        ({"tools": True, "stream": True, "not": {"tools": True}}, ("tools", "not")),
        ({"task": "a", "all": [{"task": "b"}]}, ("task", "all")),
        ({"tokens": {"above": 3, "below": 4}}, ("tokens",)),
        ({"any": [{"pii": {"below": 0.2}}, {"task": "a"}], "pii": {"above": 0.4}, "not": {"task": "a"}},
         ("pii", "any", "not")),
    ],
)  # fmt: skip
def test_contradictions_name_the_keys(when, keys):
    """A rule that nothing meets says which of its keys exclude each other, and no others."""
    verdict = last(when)
    assert (verdict.kind, set(verdict.keys)) == ("contradictory", set(keys))


def test_cases_are_tried_where_propagation_is_not_enough():
    """Conditions that only fail when every combination of two choices is tried."""
    odd = {"any": [{"tools": True, "not": {"stream": True}}, {"stream": True, "not": {"tools": True}}]}
    even = {"any": [{"tools": True, "stream": True}, {"not": {"any": [{"tools": True}, {"stream": True}]}}]}
    assert last({"all": [odd, even]}).kind == "contradictory"
    assert last(odd, even, {"task": "a"}) == Verdict("covered", by=(0, 1))
    third = {
        "any": [
            {"json_schema": True, "not": {"stream": True}},
            {"stream": True, "not": {"json_schema": True}},
        ]
    }
    assert last({"all": [odd, third]}).kind == "reachable"
    assert last(odd, third, {"tools": True}).kind == "reachable"


def test_the_only_combination_that_is_left_is_found():
    """Of eight combinations of three flags seven are taken: whichever is left reaches the next rule."""
    flags = ("stream", "tools", "json_schema")
    every = [dict(zip(flags, values, strict=True)) for values in itertools.product([True, False], repeat=3)]
    for left in every:
        assert last(*(when for when in every if when != left), {}).kind == "reachable"
    assert last(*every, {}) == Verdict("covered", by=tuple(range(8)))


def test_a_rule_for_a_model_is_reached_by_that_name_behind_a_catch_all():
    """A request for a model by name is only taken by rules that name it."""
    assert last({}, {"model": "mine"}).kind == "reachable"
    assert last({}, {"model": "mine"}, aliases={"mine": "auto"}) == Verdict("covered", by=(0,))
    assert last({"model": "m*"}, {"model": "mine"}) == Verdict("covered", by=(0,))


def test_a_rule_for_a_name_that_is_answered_directly_is_never_asked():
    """Targets, `task/NAME` and aliases of targets are answered before any rule."""
    assert last({"model": "small"}).kind == "direct"
    assert last({"model": "task/spam"}).kind == "direct"
    assert last({"model": "task/other"}).kind == "reachable"
    assert last({"model": "gpt-4"}, aliases={"gpt-*": "small", "gpt-4": "auto"}).kind == "direct"


def test_known_labels_bound_what_can_come():
    """When the classifier knows two tasks, rules for both leave nothing."""
    known = domain(Labels(tasks=frozenset({"a", "b"})), {"difficulty": (0.1, 0.9)})
    verdicts = reach(policy([{"task": "a"}, {"task": "b"}, {}, {"difficulty": {"above": 0.9}}]), known)
    assert verdicts[2] == Verdict("covered", by=(0, 1))
    assert verdicts[3].kind == "contradictory"


def test_what_is_too_entangled_is_left_open_within_the_budget():
    """Five hundred rules whose globs all overlap end in bounded time, and none is accused without proof."""
    whens = [{"metadata": {"team": f"*{i}*{i + 7}*"}, "tokens": {"at_least": i}} for i in range(500)]
    began = time.process_time()
    verdicts = reach(policy(whens), POSSIBLE, Budget(200_000))
    assert time.process_time() - began < 5
    assert verdicts[-1].kind == "unknown"
    assert verdicts[0].kind == "reachable"


def test_five_hundred_rules_are_judged_in_bounded_time():
    """A large policy of the usual form is judged completely; 0.3 s of CPU where this was written."""
    whens = [{"difficulty": {"at_least": i / 500, "below": (i + 1) / 500}} for i in range(500)]
    began = time.process_time()
    assert {verdict.kind for verdict in reach(policy(whens), POSSIBLE)} == {"reachable"}
    assert time.process_time() - began < 2
