"""`accept: {risk: ...}`: what it comes to in a plan, in words and in findings."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from policies.acceptance import Release
from policies.engine import decide
from policies.facts import Facts
from policies.knowledge import Knowledge
from policies.labels import Labels
from policies.review import review
from policies.store import Loaded, Refused, loads
from tests.unit.policies.build import TARGETS

RULE = "rules: [{{id: a, then: {{steps: [sentiment, mid], accept: {accept}}}}}]\ndefault: {{steps: [large, mid]}}\n"


@dataclass(frozen=True)
class Graded:
    """Six hundred graded answers of the target `sentiment`; a risk below 0.01 is not shown."""

    def at(self, name, target, risk, level):
        """0.9 where the risk can be shown."""
        if name != "sentiment":
            return Release(risk, level, None)
        if risk < 0.01:
            return Release(risk, level, None, rows=600, needed=2000)
        return Release(risk, level, 0.9, rows=600, needed=59, released=300, wrong=5)

    def highest(self, name, target):
        """Of `sentiment`, 0.94."""
        return 0.94 if name == "sentiment" else None


LABELS = Labels(releases=Graded())


def policy(accept: str, labels: Labels | None = LABELS, rest: str = "") -> Loaded:
    """A policy with one plan that accepts so."""
    found = loads(TARGETS + RULE.format(accept=accept) + rest, labels=labels)
    assert isinstance(found, Loaded), found.findings
    return found


def plan(accept: str, labels: Labels | None = LABELS, rest: str = "", **facts):
    """The plan of a request under it."""
    return decide(policy(accept, labels, rest).compiled, Facts(request_id="r", **facts)).plan


def test_a_risk_becomes_the_confidence_of_the_step():
    """The step holds answers below it, and its explanation has n, threshold, risk and confidence."""
    first, second = plan("{risk: 0.02}").steps
    assert (first.target, first.accept_confidence) == ("sentiment", 0.9)
    assert first.acceptance == (
        "released from 0.9: risk 0.02 at confidence 0.95, n = 600 rows, 50% of them released and 5 of these wrong"
    )
    assert (second.accept_confidence, second.acceptance) == (None, None), "an upstream reports no confidence"


def test_a_risk_that_is_not_shown_passes_the_step_over():
    """It is not asked in vain, and the plan says what is missing."""
    found = plan("{risk: 0.001, confidence_level: 0.9}")
    assert [step.target for step in found.steps] == ["mid"]
    (skipped,) = found.skipped
    assert (skipped.target, skipped.cause) == ("sentiment", "too_risky")
    assert skipped.reason == (
        "never accepted: n = 600 rows are too few for risk 0.001 at confidence 0.9; it takes 2000 or more"
    )


@pytest.mark.parametrize("labels", [None, Labels()])
def test_without_graded_answers_nothing_is_released(labels):
    """A bound that nobody has shown is not taken for met."""
    assert [step.target for step in plan("{risk: 0.5}", labels).steps] == ["mid"]


def test_a_target_that_is_not_accepted_is_not_drawn_but_may_be_a_shadow():
    """An experiment that would release its answers does not concern it; as a shadow it earns its evidence."""
    canary = "experiments: [{id: c, kind: canary, from: mid, to: sentiment, share: 1.0}]"
    assert [s.target for s in plan("{risk: 0.001}", rest=canary).steps] == ["mid"]
    shadow = "experiments: [{id: s, kind: shadow, from: mid, to: sentiment, share: 1.0}]"
    assert [s.step.target for s in plan("{risk: 0.001}", rest=shadow).shadows] == ["sentiment"]


def test_a_chain_runs_only_if_every_stage_may_be_released():
    """A stage whose answers nothing vouches for stops the chain, and its steps answer."""
    chain = (
        "{chain: [{target: sentiment}, {target: mid, instruction: '{answer}'}], "
        "steps: [large], accept: {risk: 0.001}}"
    )
    found = loads(TARGETS + f"default: {chain}", labels=LABELS)
    made = decide(found.compiled, Facts()).plan
    assert made.chain == ()
    assert [step.target for step in made.steps] == ["large"]


def test_a_client_that_names_the_target_gets_it():
    """`accept` belongs to plans; who asks for the specialist by name takes its answer as it is."""
    assert [s.target for s in plan("{risk: 0.001}", model="sentiment").steps] == ["sentiment"]


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        ("{}", "give either `confidence` or `risk`"),
        ("{confidence: 0.5, risk: 0.1}", "give either `confidence` or `risk`"),
        ("{confidence: 0.5, confidence_level: 0.9}", "`confidence_level` belongs to `risk`"),
        ("{risk: 0}", "above 0"),
        ("{risk: 1}", "below 1"),
        ("{risk: 0.1, confidence_level: 1}", "below 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(accept, message):
    """A risk of nothing or of everything, and both ways at once, are errors with a place."""
    found = loads(TARGETS + RULE.format(accept=accept))
    assert isinstance(found, Refused)
    assert any(message in finding.message for finding in found.findings)


def reviewed(accept: str, steps: str = "sentiment, mid") -> list[tuple[str, str]]:
    """What is said about the acceptance of a plan."""
    text = TARGETS + f"default: {{steps: [{steps}], accept: {accept}}}"
    found = loads(text, labels=LABELS)
    problems = review(found.policy, Knowledge(labels=LABELS))
    return [(problem.severity, problem.message) for problem in problems if problem.check == "risk"]


def test_check_notes_what_a_risk_comes_to():
    """Whoever edits the number sees the threshold, n and the share that is released."""
    ((severity, message),) = reviewed("{risk: 0.05}")
    assert severity == "note"
    assert message.startswith("`sentiment` is released from 0.9: risk 0.05 at confidence 0.95, n = 600 rows")


def test_check_warns_of_steps_that_are_never_accepted():
    """Too few rows, no rows, and a model that reports no confidence each have words and a way out."""
    (few,) = reviewed("{risk: 0.001}")
    silent = reviewed("{risk: 0.05}", "small, mid")[0]
    assert few[0] == silent[0] == "warning"
    assert "n = 600 rows are too few" in few[1]
    assert silent[1] == (
        "`small` is never accepted: a language model reports no confidence that could show risk 0.05 "
        "at confidence 0.95; name it in a plan without `accept`"
    )


def test_check_warns_of_a_confidence_above_all_that_were_seen():
    """A threshold that no answer of the specialist has ever met sends everything on."""
    assert reviewed("{confidence: 0.93}") == []
    assert reviewed("{confidence: 0.97}") == [
        (
            "warning",
            "`sentiment` was never that sure: the highest confidence of its graded answers is 0.94",
        )
    ]
