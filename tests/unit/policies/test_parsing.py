"""Form errors: every one at once, at its line, in words."""

from __future__ import annotations

import pytest

from policies.store import Refused, loads
from tests.unit.policies.build import findings

HEAD = "version: 1\ntargets: {small: {kind: local, model: s}}\ndefault: {steps: [small]}\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("hedge: {}", "4:1 unknown key `hedge`"),
        ("rule: []", "4:1 unknown key `rule`; did you mean `rules`"),
        ("baseline: 3", "4:11 `baseline` should be text, not `3`; put it in quotes"),
        ("rules: x", "4:8 `rules` should be a list, not `x`"),
        ("rules: [x]", "4:9 entry 1 of `rules` should be a mapping, not `x`"),
        (
            "on_missing_upstream: degrad",
            "4:22 `on_missing_upstream` should be `fail` or `degrade`, not `degrad`; did you mean `degrade`",
        ),
        ("aliases: {a: }", "4:13 `a` should be text, not `null`"),
        (
            "tests: [{prompt: x, expect: {}}]",
            "4:29 give at least one of `rule`, `target`, `forbidden_target`",
        ),
        ("tests: [{expect: {rule: default}}]", "4:9 give either `prompt` or `messages`"),
    ],
)
def test_top_level(rest, expected):
    """Wrong keys and values at the top are named where they stand."""
    assert findings(HEAD + rest) == [expected]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{dificulty: {above: 0}}", "4:24 unknown key `dificulty`; did you mean `difficulty`"),
        ("{pii: 0.5}", "4:29 `pii` should be a mapping, not `0.5`"),
        ("{pii: {at_least: '1'}}", "4:40 `at_least` should be a number, not `1`"),
        ("{pii: {}}", "4:29 give at least one of `at_least`, `above`, `at_most`, `below`"),
        ("{tools: yes}", "4:31 `tools` should be `true` or `false`, not `yes`"),
        ("{tokens: {above: .inf}}", "4:40 `above` should be a finite number, not `inf`"),
        ("{time: {from: '9:00', to: '10:00'}}", "4:37 `from` should be a time like `22:00`, not `9:00`"),
        (
            "{time: {from: '09:00', to: '09:00'}}",
            "4:30 `from` and `to` are the same, so the window is empty",
        ),
        ("{any: []}", "4:29 `any` should not be empty"),
        ("{any: [{not: {stram: true}}]}", "4:37 unknown key `stram`; did you mean `stream`"),
        ("{task: [3]}", "4:31 entry 1 of `task` should be text, not `3`; put it in quotes"),
        ("{task: {a: 1}}", "4:30 `task` should be a list, not a mapping"),
    ],
)
def test_conditions(when, expected):
    """Wrong conditions are named where they stand, with the nearest key that exists there."""
    result = loads(HEAD + f"rules: [{{id: a, when: {when}, then: {{steps: [small]}}}}]")
    assert isinstance(result, Refused)
    assert [f"{f.line}:{f.column} {f.message}" for f in result.findings] == [expected]
    assert result.findings[0].rule == "a"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("{}", "give `steps`, `choose` or `chain`"),
        (
            "{steps: [small], choose: best, among: [small]}",
            "give either `steps` or `choose`, and beside `chain` only `steps`",
        ),
        (
            "{steps: [small], success: 0.5}",
            "`success` and `among` belong to `choose`, not to `steps` or `chain`",
        ),
        ("{choose: best}", "`choose` needs `among`, the targets to choose from"),
        (
            "{choose: cheapest, among: [small]}",
            "`choose: cheapest` and `fastest` need `success`, and `choose: best` takes none",
        ),
        ("{steps: []}", "`steps` should not be empty"),
        ("{steps: [small], timeout_s: 0}", "`timeout_s` should be above 0.0, not `0`"),
        ("{steps: [small], retries: 2.5}", "`retries` should be a whole number, not `2.5`"),
        ("{steps: [small], accept: {confidence: 2}}", "`confidence` should be at most 1.0, not `2`"),
        ("{chain: [{target: small}]}", "`chain` should have at least 2 entries"),
        ("{steps: [small], chains: []}", "unknown key `chains`; did you mean `chain`"),
        ("{steps: [small], budget: -1}", "`budget` should be at least 0.0, not `-1`"),
    ],
)
def test_plans(plan, expected):
    """A plan says one thing, with limits that make sense."""
    text = HEAD.replace("{steps: [small]}", plan)
    assert [finding.split(" ", 1)[1] for finding in findings(text)] == [expected]


def test_all_findings_at_once_in_order():
    """One look shows every error of the file, from top to bottom."""
    text = "version: 1\ntargets:\n  a: {kind: locl}\nfoo: 1\n"
    assert findings(text) == [
        "1:1 missing key `default`",
        "3:6 missing key `model`",
        "3:13 `kind` should be `specialist`, `local` or `upstream`, not `locl`; did you mean `local`",
        "4:1 unknown key `foo`",
    ]


@pytest.mark.parametrize("version", ["2", "'1'", "true", "[1]", "1.5"])
def test_unknown_version_is_the_only_finding(version):
    """Nothing is said about a language that this build does not know."""
    found = findings(f"version: {version}\nfoo: 1\n")
    assert len(found) == 1
    assert found[0].startswith("1:10 unknown version")
    assert found[0].endswith("this build reads `1`")


def test_policy_must_be_a_mapping():
    """A file that holds a list or a word is no policy."""
    assert findings("- a\n") == ["1:1 a policy is a mapping, not a list"]
    assert findings("hello") == ["1:1 a policy is a mapping, not `hello`"]
