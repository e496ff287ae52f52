"""Laws of reasoning: what is called unreachable is never reached, and little else is."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from policies.conditions import compile_when, first_failure, probes_of
from policies.engine import compile_policy, decide
from policies.facts import Facts
from policies.labels import Labels
from policies.model import Policy, When
from policies.patterns import glob_matcher
from policies.reason.budget import Budget
from policies.reason.domain import domain
from policies.reason.formula import formula, negation
from policies.reason.globs import common_text
from policies.reason.reach import reach
from policies.reason.solve import satisfiable
from tests.property.policies.strategies import (
    MODELS,
    NAMES,
    TARGETS,
    TASKS,
    facts,
    law,
    policies,
    probability,
)

POSSIBLE = domain(Labels(), {})
lawful = st.builds(
    replace,
    facts,
    task_confidence=probability,
    difficulty=probability,
    pii=probability,
    success=st.dictionaries(st.sampled_from(NAMES), probability, max_size=5),
    metadata=st.dictionaries(st.just("team"), st.text("ab", max_size=3), max_size=1),
)
"""Facts within the bounds that `Facts` states."""


@law
@given(policies(), st.lists(lawful, min_size=5, max_size=20))
def test_what_is_called_unreachable_is_never_the_match(policy, requests):
    """No request is decided by a rule that is said to be out of reach."""
    verdicts = reach(policy, POSSIBLE)
    unreachable = {
        rule.id
        for rule, verdict in zip(policy.rules, verdicts, strict=True)
        if verdict.kind not in ("reachable", "unknown")
    }
    compiled = compile_policy(policy, "v")
    for some in requests:
        for model in MODELS:
            assert decide(compiled, replace(some, model=model), explained=False).rule not in unreachable


_edges = st.sampled_from([0.25, 0.5, 0.75])
_small_leaves = st.fixed_dictionaries(
    {},
    optional={
        "task": st.lists(st.sampled_from(TASKS), min_size=1, max_size=2),
        "difficulty": st.dictionaries(
            st.sampled_from(["at_least", "above", "at_most", "below"]), _edges, min_size=1, max_size=2
        ),
        "tools": st.booleans(),
        "modalities": st.lists(st.sampled_from(["image", "audio"]), min_size=1, max_size=2),
        "tenant": st.sampled_from(["a*", "a", ["b", "a?"], "[!a]"]),
    },
)
_small = st.recursive(
    _small_leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2)}),
    ),
    max_leaves=3,
)
GRID = [
    Facts(task=task, difficulty=difficulty, tools=tools, modalities=frozenset(modalities), tenant=tenant)
    for task, difficulty, tools, modalities, tenant in itertools.product(
        [*TASKS, "other"],
        [0.0, 0.25, 0.3, 0.5, 0.6, 0.75, 1.0],
        [True, False],
        [(), ("image",), ("audio",), ("image", "audio")],
        ["", "a", "aa", "aaa", "b", "c", "ca"],
    )
]
"""Every combination that conditions of `_small` can tell apart."""


@law
@given(st.lists(_small, min_size=1, max_size=5))
def test_reach_is_exact_where_every_request_can_be_tried(conditions):
    """Over a finite grid of requests a rule is called reachable exactly if one of them reaches it."""
    rules = [{"id": f"r{i}", "when": when, "then": {"steps": ["mid"]}} for i, when in enumerate(conditions)]
    policy = Policy.model_validate(
        {"version": 1, "targets": TARGETS, "rules": rules, "default": {"steps": ["mid"]}}
    )
    compiled = [probes_of(compile_when(rule.when)) for rule in policy.rules]
    reached = set()
    for some in GRID:
        match = next((i for i, rule in enumerate(compiled) if first_failure(rule, some) < 0), None)
        reached.add(match)
    for index, verdict in enumerate(reach(policy, POSSIBLE)):
        assert (verdict.kind == "reachable") is (index in reached)


@law
@given(_small)
def test_a_formula_or_its_negation_can_hold(when):
    """One of the two can, and both together never."""
    whole = formula(When.model_validate(when))
    budget = Budget(100_000)
    assert satisfiable([whole], POSSIBLE, budget) or satisfiable([negation(whole)], POSSIBLE, budget)
    assert not satisfiable([whole, negation(whole)], POSSIBLE, budget)


_globs = st.text("ab*?[]!-", max_size=6)


@law
@given(st.lists(_globs, min_size=1, max_size=3), st.lists(_globs, max_size=3))
def test_a_common_text_matches_what_it_must(must, must_not):
    """A text that is found fits, and where none is found no short text fits."""
    found = common_text(tuple((glob,) for glob in must), tuple(must_not), Budget(1_000_000))

    def fits(text: str) -> bool:
        return all(glob_matcher([g])(text) for g in must) and not any(
            glob_matcher([g])(text) for g in must_not
        )

    if found is not None:
        assert fits(found)
    else:
        short = ("".join(text) for size in range(5) for text in itertools.product("ab[]!-c*", repeat=size))
        assert not any(map(fits, short))
