"""Regular expressions on names, metadata and headers: whole values only, and linear time."""

from __future__ import annotations

import time

import pytest

from policies.facts import Facts
from policies.patterns import check_pattern, pattern_matcher
from tests.unit.policies.build import TARGETS, checks, findings, holds


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("team-(red|blue)-[0-9]+", "team-red-7", True),
        ("team-(red|blue)-[0-9]+", "team-red-7x", False),
        ("team-(red|blue)-[0-9]+", "xteam-red-7", False),
        ("red|blue", "redblue", False),
        ("^a$", "a", True),
        (r"\pL+", "größe", True),
        ("a.b", "a\nb", False),
        (".*", "\ud800", False),
    ],
)
def test_patterns_match_whole_values(pattern, text, expected):
    """A pattern is anchored at both ends, also when it has alternatives."""
    assert pattern_matcher([pattern])(text) is expected


def test_any_of_several_patterns():
    """Of a list one has to match."""
    matches = pattern_matcher(["a+", "b+"])
    assert [matches(text) for text in ("aa", "b", "ab", "")] == [True, True, False, False]


def test_a_pattern_cannot_backtrack():
    """A pattern that takes exponential time elsewhere takes no time on a long value."""
    matches = pattern_matcher(["(a|a)*(a|a)*(a*)*b"])
    started = time.process_time()
    assert not matches("a" * 50_000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "pattern", ["(a", "a{2,1}", r"(?<=a)b", r"(a)\1", "(((a{1,99}){1,99}){1,99})", "\ud800"]
)
def test_what_re2_does_not_read_is_refused(pattern):
    """Look-around, back-references and patterns that explode are said to be wrong, with a reason."""
    assert check_pattern(pattern)
    with pytest.raises(ValueError, match="not a"):
        pattern_matcher([pattern])


def test_patterns_stand_beside_globs():
    """A condition takes a glob, a pattern, or a list of both, and says what it wanted."""
    facts = Facts(model="gpt-5-mini", metadata={"team": "red-1"})
    assert holds({"model": [{"pattern": "gpt-[0-9]+(-mini)?"}, "claude-*"]}, facts)
    assert holds({"model": ["gpt-*", {"pattern": "claude.*"}]}, facts)
    assert not holds({"model": {"pattern": "gpt"}}, facts)
    assert not holds({"header": {"x-app": {"pattern": ".*"}}}, facts)
    assert checks({"metadata": {"team": {"pattern": "red-[0-9]"}}}, facts) == [
        ("metadata.team", "pattern red-[0-9]", "red-1", True)
    ]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{pattern: '(a'}", "not a regular expression that RE2 reads: missing ): (a"),
        ("{patern: a}", "missing key `pattern`"),
        ("[7]", "entry 1 of `model` should be text, not `7`; put it in quotes"),
        ("[a, {pattern: ''}]", "`pattern` should not be empty"),
    ],
)
def test_wrong_patterns_are_findings(match, expected):
    """What cannot be matched against is said at its place."""
    found = findings(
        TARGETS
        + f"rules: [{{id: a, when: {{model: {match}}}, then: {{steps: [small]}}}}]\ndefault: {{steps: [small]}}"
    )
    assert expected in [finding.split(" ", 1)[1] for finding in found]
