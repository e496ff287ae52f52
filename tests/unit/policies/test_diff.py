"""The change in meaning between two policies, in words and as data."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from policies.diff import diff
from policies.labels import Labels
from policies.reason.domain import domain
from tests.unit.policies.build import loaded

POSSIBLE = domain(Labels(), {})
BASE = """
version: 1
baseline: large
aliases: {"gpt-*": auto}
targets:
  small: {kind: local, model: smollm2}
  mid: {kind: upstream, model: openai/mid}
  large: {kind: upstream, model: openai/large, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 10}}
rules:
  - {id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large, mid]}}
  - {id: easy, when: {difficulty: {below: 0.3}, task: [chat, code]}, then: {steps: [small, mid]}}
  - {id: tools, when: {tools: true}, then: {steps: [mid, large]}}
default: {choose: cheapest, success: 0.7, among: [mid, large]}
"""
HARD = "  - {id: hard, when: {difficulty: {at_least: 0.6}}, then: {steps: [large, mid]}}\n"
EASY = "  - {id: easy, when: {difficulty: {below: 0.3}, task: [chat, code]}, then: {steps: [small, mid]}}\n"
TOOLS = "  - {id: tools, when: {tools: true}, then: {steps: [mid, large]}}\n"


def difference(*edits: tuple[str, str]):
    """What these replacements in `BASE` change."""
    text = BASE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return diff(loaded(targets=BASE, rest="").policy, loaded(targets=text, rest="").policy, POSSIBLE)


def messages(*edits: tuple[str, str]) -> list[str]:
    return [change.message for change in difference(*edits).changes]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "# said again\nversion: 1"),
        ("  - {id: hard, when:", "\n  - # layout\n    {id: hard, when:"),
        ("steps: [mid, large]}}", "steps: [mid, large], cache: {exact: true}}}"),
        ("task: [chat, code]", "task: [code, chat, code]"),
        ("{difficulty: {at_least: 0.6}}", "{not: {difficulty: {below: 0.6}}}"),
        ("{difficulty: {below: 0.3}, task: [chat, code]}", "{all: [{task: [chat, code]}, {difficulty: {below: 0.3}}]}"),
        ("{tools: true}", "{any: [{tools: true}, {tools: true, stream: true}]}"),
    ],
)  # fmt: skip
def test_other_words_for_the_same_are_no_change(old, new):
    """Comments, layout, defaults written out, and conditions with the same meaning say nothing."""
    assert messages((old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.6", "0.7", "rule `hard`: `difficulty` at least `0.6` → `0.7` (narrower: fewer requests match)"),
        ("0.6", "0.5", "rule `hard`: `difficulty` at least `0.6` → `0.5` (wider: more requests match)"),
        (
            "task: [chat, code]",
            "task: [chat, math]",
            "rule `easy`: `task` adds `math` and drops `code`: now `[chat, math]` "
            "(some requests no longer match, and others do)",
        ),
        ("{tools: true}", "{tools: true, stream: true}",
         "rule `tools`: `stream` `true` added (narrower: fewer requests match)"),
        ("task: [chat, code]}", "task: [chat, code], tools: false}",
         "rule `easy`: `tools` `false` added (narrower: fewer requests match)"),
        ("[large, mid]}}", "[large]}}", "rule `hard`: `steps` drops `mid`: now `[large]`"),
        ("[small, mid]}}", "[small, mid], timeout_s: 5}}", "rule `easy`: `timeout_s` `5.0` added"),
        ("[small, mid]}}", "[mid, small]}}", "rule `easy`: `steps` `[small, mid]` → `[mid, small]`, reordered"),
        ("openai/mid", "groq/mid", "target `mid` retargeted: model `openai/mid` → `groq/mid`"),
        (
            "input_usd_per_mtok: 1,",
            "input_usd_per_mtok: 2,",
            "target `large` repriced: $1 in, $10 out per million tokens → $2 in, $10 out per million tokens",
        ),
        (
            ", price: {input_usd_per_mtok: 1, output_usd_per_mtok: 10}",
            "",
            "target `large` repriced: $1 in, $10 out per million tokens → the built-in price",
        ),
        ("model: smollm2}", "model: smollm2, retries: 0}", "target `small`: `retries` `1` → `0`"),
        ("success: 0.7", "success: 0.8", "default: `success` `0.7` → `0.8`"),
        ("baseline: large", "baseline: mid", "`baseline` `large` → `mid`"),
        ("auto}", "mid}", "alias `gpt-*`: `auto` → `mid`"),
        ('"gpt-*": auto}', '"gpt-*": auto, "o*": mid}', "alias `o*`: no alias → `mid`"),
        ("id: tools", "id: with-tools", "rule `tools` renamed to `with-tools`: records and headers say so from now on"),
        ("default:", "tests: [{prompt: x, expect: {rule: easy}}]\ndefault:", "tests: 1 added, 0 removed"),
        (HARD, "", "rule `hard` removed: what it took goes on to the rules after it"),
        (EASY, EASY + EASY.replace("easy", "more"), "rule `more` added, after `easy`"),
    ],
)  # fmt: skip
def test_each_change_is_one_sentence(old, new, expected):
    """One edit is one change, with what it was, what it is, and what becomes of the requests."""
    assert messages((old, new)) == [expected]


def test_a_move_past_a_rule_that_cannot_meet_it_has_no_effect():
    """No request is both hard and easy, so the order of the two does not matter."""
    (change,) = difference((HARD + EASY, EASY + HARD)).changes
    assert change.message == (
        "rule `easy` moved to the top; no effect: no request matches it and `hard`"
    ) or change.message == (
        "rule `hard` moved to stand after `easy`; no effect: no request matches it and `easy`"
    )
    assert change.effect == "none"
    assert not difference((HARD + EASY, EASY + HARD)).reroutes


def test_a_move_past_rules_that_meet_it_says_which_requests_go_elsewhere():
    """Hard requests with tools are now taken by the rule that came to stand first."""
    found = difference((HARD + EASY + TOOLS, TOOLS + HARD + EASY))
    assert [change.message for change in found.changes] == [
        "rule `tools` moved to the top; what matches it and `hard` or `easy` now goes to `tools`"
    ]
    assert found.reroutes
    assert messages((HARD + EASY + TOOLS, EASY + TOOLS + HARD)) == [
        "rule `hard` moved to stand after `tools`; what matches it and `tools` now goes there"
    ]


def test_what_changes_no_route_says_so():
    """The baseline, tests and names of rules do not reroute anything; thresholds and prices may."""
    assert not difference(("baseline: large", "baseline: mid"), ("id: tools", "id: with-tools")).reroutes
    assert difference(("0.6", "0.7")).reroutes
    assert difference(("input_usd_per_mtok: 1,", "input_usd_per_mtok: 2,")).reroutes


def test_changes_are_data():
    """Every change can be written as JSON, with its path and both values."""
    found = difference(("0.6", "0.7"), ("[small, mid]}}", "[small]}}"), (TOOLS, ""))
    told = json.loads(json.dumps([asdict(change) for change in found.changes]))
    assert [(c["kind"], c["path"], c["before"], c["after"], c["effect"]) for c in told[1:]] == [
        ("condition", ["rules", "hard", "when", "difficulty", "at_least"], 0.6, 0.7, "narrower"),
        ("plan", ["rules", "easy", "then", "steps"], ["small", "mid"], ["small"], None),
    ]
    assert (told[0]["kind"], told[0]["before"]["id"]) == ("rule-removed", "tools")
