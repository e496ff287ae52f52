"""Variables: what they stand for, and what is said when they do not fit."""

from __future__ import annotations

import pytest

from policies.engine import decide
from policies.facts import Facts
from policies.store import load
from tests.unit.policies.build import DEFAULT, TARGETS, findings, loaded

RULES = """
variables: {hard: 0.6, strong: large, no_tools: false}
rules:
  - {id: a, when: {difficulty: {at_least: $hard}, tools: $no_tools}, then: {steps: [$strong, small]}}
"""


def test_a_variable_stands_for_its_value():
    """Numbers, flags and names, in rules and in lists."""
    compiled = loaded(RULES + DEFAULT).compiled
    assert decide(compiled, Facts(difficulty=0.6)).plan.first == "large"
    assert decide(compiled, Facts(difficulty=0.59)).rule == "default"


def test_the_version_follows_the_value():
    """Moving a threshold is another policy, whichever way it is written."""
    assert loaded(RULES + DEFAULT).version != loaded(RULES.replace("0.6", "0.7") + DEFAULT).version


UNUSED = "10:13 variable `hard` is never used"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (
            RULES.replace("$hard", "$hrad") + DEFAULT,
            [UNUSED, "12:43 unknown variable `$hrad`; did you mean `$hard`"],
        ),
        (
            RULES.replace("0.6", "high") + DEFAULT,
            ["12:43 `at_least` should be a number, not `high` (the value of `$hard`)"],
        ),
        (
            RULES.replace("0.6", "7") + DEFAULT,
            ["12:43 `7` lies outside 0 to 1 (the value of `$hard`)"],
        ),
        (
            RULES.replace("large", "larg") + DEFAULT,
            ["12:85 unknown target `larg`; did you mean `large` (the value of `$strong`)"],
        ),
        ("default: {steps: [$small]}", ["9:19 unknown variable `$small`; the policy has no `variables`"]),
        (
            "variables: {x: [1]}\ndefault: {steps: [small], retries: $x}",
            [
                "9:16 a variable is a number, `true`, `false` or text",
                "10:36 `retries` should be a whole number, not a list (the value of `$x`)",
            ],
        ),
        (
            "variables: {a.b: 1}\n" + DEFAULT,
            [
                "9:13 a variable is named with letters, digits, `_` and `-`, beginning with a letter, not `a.b`",
            ],
        ),
        ("variables: {x: 1}\n" + DEFAULT, ["9:13 variable `x` is never used"]),
    ],
)
def test_what_does_not_fit_is_said_where_it_is_used(rest, expected):
    """The value is checked as what stands there, and the finding names the variable it came from."""
    assert findings(TARGETS + rest) == expected


def test_two_dollars_stand_for_one():
    """A text that looks like a reference can still be written."""
    rest = "rules: [{id: a, when: {metadata: {price: $$free}}, then: {steps: [tiny]}}]\n" + DEFAULT
    assert decide(loaded(rest).compiled, Facts(metadata={"price": "$free"})).rule == "a"


def test_only_whole_values_are_references():
    """A dollar inside of a text, and the prompts of tests, are left alone."""
    rest = (
        "rules: [{id: a, when: {metadata: {price: '$5 or $more'}}, then: {steps: [tiny]}}]\n"
        + DEFAULT
        + "tests: [{prompt: $x, expect: {rule: default}}]\n"
    )
    policy = loaded(rest).policy
    assert policy.tests[0].prompt == "$x"
    assert policy.rules[0].when.metadata == {"price": ("$5 or $more",)}


def test_the_policy_itself_has_the_last_word_on_variables(tmp_path):
    """An included file may bring values that a policy sets anew."""
    (tmp_path / "shared.yaml").write_text(
        "variables: {hard: 0.2}\nrules: [{id: a, when: {difficulty: {at_least: $hard}}, then: {steps: [tiny]}}]\n"
    )
    path = tmp_path / "policy.yaml"
    path.write_text(TARGETS + "include: shared.yaml\nvariables: {hard: 0.9}\n" + DEFAULT)
    compiled = load(path).compiled
    assert decide(compiled, Facts(difficulty=0.5)).rule == "default"
    assert decide(compiled, Facts(difficulty=0.95)).rule == "a"
