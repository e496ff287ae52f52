"""Files of cases: which belong to a policy, what they may say, and what is wrong with them."""

from __future__ import annotations

import pytest

from policies.cases_file import CaseFile, beside, load_cases
from policies.check import check_policy
from policies.facts import Facts
from policies.knowledge import Knowledge
from tests.unit.policies.build import DEFAULT, TARGETS, loaded

RULE = "rules: [{id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large, mid]}}]\n"
POLICY = TARGETS + RULE + "default: {steps: [small, mid]}\n"
GOOD = "version: 1\ntests:\n  - {prompt: short, expect: {rule: default}}\n"
BAD = "version: 1\ntests:\n  - {prompt: short, expect: {rule: hard}}\n"


def _reader(_):
    return lambda request: Facts(difficulty=0.9 if len(str(request)) > 20 else 0.1)


@pytest.fixture
def folder(tmp_path):
    """A policy with two files of cases of its own, and one of another policy."""
    (tmp_path / "prod.yaml").write_text(POLICY)
    (tmp_path / "prod.cases.yaml").write_text(GOOD)
    (tmp_path / "prod.legal.cases.yaml").write_text(BAD)
    (tmp_path / "production.cases.yaml").write_text("nonsense")
    return tmp_path


def test_files_of_cases_belong_by_their_name(folder):
    """NAME.cases.yaml and NAME.more.cases.yaml belong to NAME.yaml; a longer name does not."""
    assert [p.name for p in beside(folder / "prod.yaml")] == ["prod.cases.yaml", "prod.legal.cases.yaml"]
    assert beside(folder / "absent" / "prod.yaml") == []


def test_check_runs_them_and_says_where_they_fail(folder):
    """A failed case is an error at its own file and line, with the check that decided."""
    checked = check_policy(folder / "prod.yaml", Knowledge(), _reader)
    assert [(f.path, f.line, f.check, f.message) for f in checked.findings if f.severity == "error"] == [
        (
            str(folder / "prod.legal.cases.yaml"),
            3,
            "test",
            "test failed: expected rule `hard`, got `default`: "
            "`hard` wants difficulty at least 0.6, and it is `0.1`",
        )
    ]
    assert [result.passed for result in checked.results] == [True, False]


def test_a_rule_that_stood_before_is_named(tmp_path):
    """When an earlier rule took the request, the failure says which and by which values."""
    text = POLICY.replace(
        "rules: [", "rules: [{id: any, when: {tokens: {below: 9}}, then: {steps: [mid, large]}}, "
    )
    (tmp_path / "p.yaml").write_text(text)
    (tmp_path / "p.cases.yaml").write_text(BAD)
    checked = check_policy(tmp_path / "p.yaml", Knowledge(), _reader)
    assert checked.findings[-1].message == (
        "test failed: expected rule `hard`, got `any`: `any` stands before it and matched (tokens is `0`)"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tests: [{prompt: x, expect: {rule: default}}]", "1:1 missing key `version`"),
        ("version: 2\ntests: []", "1:10 unknown version `2`; this build reads `1`"),
        ("version: 1\ntests: []", "2:8 `tests` should not be empty"),
        (
            "version: 1\ntargets: {}\ntests: [{prompt: x, expect: {rule: a}}]",
            "2:1 unknown key `targets`; did you mean `tests`",
        ),
        (
            "version: 1\ntests: [{promt: x, expect: {rule: a}}]",
            "2:10 unknown key `promt`; did you mean `prompt`",
        ),
        (
            "version: 1\ntests: [{prompt: x, expect: {rule: hrd}}]",
            "2:36 unknown rule `hrd`; did you mean `hard`",
        ),
        ("- a", "1:1 a file of cases is a mapping, not a list"),
        ("version: 1\ntests: [&a {prompt: x}, *a]", "2:9 anchors and aliases are not allowed: `&a`"),
    ],
)
def test_a_file_of_cases_is_closed(tmp_path, text, expected):
    """Whatever it should not say is a finding with its place."""
    (tmp_path / "p.cases.yaml").write_text(text)
    found = load_cases(tmp_path / "p.cases.yaml", loaded(RULE + DEFAULT).policy)
    assert not isinstance(found, CaseFile)
    assert expected in [f"{f.line}:{f.column} {f.message}" for f in found]


def test_files_that_cannot_be_read_are_findings(tmp_path):
    """A missing file and one that is no text each say so."""
    policy = loaded(RULE + DEFAULT).policy
    missing = load_cases(tmp_path / "p.cases.yaml", policy)
    assert [finding.message for finding in missing] == ["cannot be read: no such file or directory"]
    (tmp_path / "p.cases.yaml").write_bytes(b"version: 1\n\xff")
    assert [finding.message for finding in load_cases(tmp_path / "p.cases.yaml", policy)] == [
        "not utf-8: byte `0xff`"
    ]


def test_a_file_of_cases_is_no_policy(folder):
    """Checking it by itself says which file to name instead."""
    findings = check_policy(folder / "prod.cases.yaml", Knowledge(), _reader).findings
    assert [f.message for f in findings] == [
        "`prod.cases.yaml` holds cases; name the policy, and they are run with it"
    ]


def test_a_wrong_name_hides_no_warning_and_makes_none(tmp_path):
    """A policy with errors gets its warnings at once, but a rule with a wrong name is not called unreachable."""
    text = POLICY.replace("default: {steps: [small, mid]}", "default: {steps: [smal]}").replace(
        "steps: [large, mid]", "steps: [mid]"
    )
    (tmp_path / "p.yaml").write_text(text)
    checked = check_policy(tmp_path / "p.yaml", Knowledge(), _reader)
    assert [(f.severity, f.check) for f in checked.findings] == [("warning", "fallback"), ("error", "names")]
    assert checked.results == ()
