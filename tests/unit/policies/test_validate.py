"""Meaning: names that exist, rules that can be reached, plans that can run."""

from __future__ import annotations

import pytest

from policies.labels import Labels
from policies.store import Refused, loads
from tests.unit.policies.build import TARGETS, findings

DEFAULT = "default: {steps: [small]}\n"


def _messages(rest: str, labels: Labels | None = None, targets: str = TARGETS) -> list[str]:
    result = loads(targets + rest, labels=labels)
    found = result.findings if isinstance(result, Refused) else result.warnings
    return [finding.message for finding in found]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("default: {steps: [smal]}", "unknown target `smal`; did you mean `small`"),
        ("default: {choose: best, among: [hugo]}", "unknown target `hugo`"),
        ("baseline: lage\n" + DEFAULT, "unknown target `lage`; did you mean `large`"),
        ("aliases: {x: lage}\n" + DEFAULT, "unknown target `lage`; did you mean `large`"),
        ("aliases: {small: large}\n" + DEFAULT, "`small` is a name of its own and never an alias"),
        (
            "default: {steps: [small], forbid: [upsteam]}",
            "unknown kind or target `upsteam`; did you mean `upstream`",
        ),
        (
            "rules: [{id: a, when: {success: {smal: {above: 0}}}, then: {steps: [small]}}]\n" + DEFAULT,
            "unknown target `smal`; did you mean `small`",
        ),
        (
            "tests: [{prompt: x, expect: {rule: defalt}}]\n" + DEFAULT,
            "unknown rule `defalt`; did you mean `default`",
        ),
        (
            "tests: [{prompt: x, expect: {target: smal}}]\n" + DEFAULT,
            "unknown target `smal`; did you mean `small`",
        ),
        (
            "rules: [{id: default, then: {steps: [small]}}]\n" + DEFAULT,
            "`default` is the id of decisions that no rule made; take another",
        ),
        (
            "default: {steps: [mid, large], forbid: [upstream]}",
            "no target of `steps` can be used: `forbid` rules out every one",
        ),
        (
            "default: {choose: best, among: [mid], forbid: [mid]}",
            "no target of `among` can be used: `forbid` rules out every one",
        ),
        ("default: {steps: [small, small]}", "`small` is named twice"),
        (
            "default: {steps: [mid], accept: {confidence: 0.5}}",
            "`accept` has no effect: upstreams report no confidence",
        ),
    ],
)
def test_names_and_plans(rest, expected):
    """A name that does not exist, or a plan that cannot run, is one finding."""
    assert _messages(rest) == [expected]


def test_duplicate_rule_ids():
    """Two rules cannot share an id."""
    rest = """
rules:
  - {id: a, when: {tools: true}, then: {steps: [large]}}
  - {id: a, when: {stream: true}, then: {steps: [large]}}
"""
    assert _messages(rest + DEFAULT) == ["rule id `a` is already that of rule 1"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            "x: {kind: upstream, model: gpt-5}",
            "the model of an upstream is `provider/model`, and `gpt-5` names no provider",
        ),
        ("auto: {kind: local, model: m}", "`auto` has a meaning of its own and cannot name a target"),
        ("upstream: {kind: local, model: m}", "`upstream` has a meaning of its own and cannot name a target"),
        ("task/x: {kind: local, model: m}", "`task/x` has a meaning of its own and cannot name a target"),
    ],
)
def test_targets(target, expected):
    """Targets have names of their own, and upstreams name their provider."""
    assert _messages(DEFAULT, targets=f"{TARGETS.rstrip()}\n  {target}\n") == [expected]


def test_labels_are_checked_when_they_are_known():
    """With the classifier's labels, misspelt tasks, domains and abilities are found; without, they pass."""
    targets = "version: 1\ntargets: {small: {kind: local, model: s, ability: gpt-4}}\n"
    rest = (
        "rules: [{id: a, when: {task: sentimnt, any: [{domain: [law, fnance]}]}, then: {steps: [small]}}]\n"
    )
    labels = Labels(frozenset({"sentiment"}), frozenset({"law", "finance"}), frozenset({"gpt-4o"}))
    assert _messages(rest + DEFAULT, labels, targets) == [
        "unknown ability `gpt-4`; did you mean `gpt-4o`",
        "unknown task `sentimnt`; did you mean `sentiment`",
        "unknown domain `fnance`; did you mean `finance`",
    ]
    assert _messages(rest + DEFAULT, None, targets) == []


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{difficulty: {at_least: 60}}", ["`60` lies outside 0 to 1"]),
        ("{tokens: {below: -5}}", ["`-5` lies outside 0 to infinity"]),
        ("{pii: {at_least: 0.6, below: 0.6}}", ["no value is both at least 0.6 and below 0.6"]),
        ("{tokens: {above: 9, at_most: 5}}", ["no value is both above 9 and at most 5"]),
        ("{pii: {at_least: 0.6, at_most: 0.6}}", []),
    ],
)
def test_ranges(when, expected):
    """A range that no value can meet is an error."""
    assert _messages(f"rules: [{{id: a, when: {when}, then: {{steps: [small]}}}}]\n" + DEFAULT) == expected


def test_findings_have_lines():
    """A finding about a name points at that very name."""
    assert findings(TARGETS + "default:\n  steps:\n    - small\n    - smal\n") == [
        "12:7 unknown target `smal`; did you mean `small`"
    ]
