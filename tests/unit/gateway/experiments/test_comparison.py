"""What evidence is made of, and what follows from it."""

from __future__ import annotations

import pytest

from gateway.experiments.comparison import Comparison, Measure, judge
from gateway.experiments.definition import Definition, running
from gateway.records.ledger import Grade, Trial
from tests.unit.gateway.experiments.build import policy

DEFINITION = Definition("try", "canary", "request", "small", "new", inferior_by=0.02)


def trials(count, **fields):
    base = {
        "definition": "d", "arm": "control", "propensity": 0.5, "unit": None, "failed": False,
        "cost_usd": 0.01, "latency_ms": 100.0,
    }  # fmt: skip
    return [Trial(id=number, **(base | fields)) for number in range(count)]


def measure(name, low, high):
    return Measure(name, "", 100, 100, 0.9, 0.9, low, high)


@pytest.mark.parametrize(
    ("quality", "errors", "verdict"),
    [
        ((-0.3, -0.021), (-0.01, 0.01), "inferior"),
        ((-0.3, -0.019), (-0.01, 0.01), "running"),
        ((-0.01, 0.3), (0.021, 0.3), "inferior"),
        ((-0.019, 0.3), (-0.1, 0.019), "not inferior"),
        ((-0.019, 0.3), (-0.1, 0.021), "running"),
        ((None, None), (-0.1, 0.0), "running"),
        ((None, None), (0.1, 0.2), "inferior"),
        ((-0.3, -0.1), (None, None), "inferior"),
    ],
)
def test_verdicts_follow_from_the_intervals(quality, errors, verdict):
    """Stop when either is shown to be worse by more than the margin; ready when both are shown not to be."""
    found, reason = judge(measure("quality", *quality), measure("errors", *errors), 0.02, 0.95)
    assert found == verdict
    assert reason


SHADOW = Definition("see", "shadow", "request", "small", "new")


def test_a_shadow_is_compared_pair_by_pair():
    """Where one costs a cent more at any price, that is known at once; two arms would need thousands of requests."""
    comparison = Comparison(SHADOW)
    pairs = [
        trial
        for number, other in enumerate((0.01, 1.0, 0.2, 5.0) * 50)
        for trial in trials(
            1, arm="shadow", control_usd=other, cost_usd=other + 0.01, control_ms=100.0 * other,
            latency_ms=90.0 * other, agrees=number % 10 != 0,
        )
    ]  # fmt: skip
    comparison.fold(pairs)
    evidence = comparison.evidence()
    agreement, errors, cost, latency = evidence.measures
    assert [measure.name for measure in evidence.measures] == ["agreement", "errors", "cost", "latency"]
    assert (agreement.control, agreement.treatment) == (1.0, pytest.approx(0.9))
    assert agreement.low < -0.1 < agreement.high < 0
    assert (errors.treatment, errors.control_n) == (0.0, 200)
    assert errors.high < 0.03
    assert (cost.low, cost.high) == (pytest.approx(0.01), pytest.approx(0.01))
    assert latency.high < 0
    assert (evidence.verdict, evidence.treated_usd) == ("running", pytest.approx(312.5))


def test_a_shadow_without_an_answer_counts_as_an_error_alone():
    """What declined or failed said nothing that could agree, and took nothing that could be compared."""
    comparison = Comparison(SHADOW)
    failed = trials(3, arm="shadow", failed=True, control_usd=1.0, control_ms=1.0)
    declined = trials(2, arm="shadow", control_usd=1.0, control_ms=1.0)
    comparison.fold([*failed, *declined])
    agreement, errors, cost, latency = comparison.evidence().measures
    assert (agreement.treatment_n, cost.treatment_n, latency.treatment_n) == (0, 0, 0)
    assert (errors.treatment, errors.treatment_n) == (pytest.approx(0.6), 5)
    assert agreement.low is None


def test_an_equal_treatment_becomes_ready():
    """Many requests and grades of two equal arms, without an error: non-inferior, with means and counts."""
    comparison = Comparison(DEFINITION)
    arms = [*trials(3_000), *trials(3_000, arm="treatment")]
    mixed = [trial for pair in zip(arms[:3_000], arms[3_000:], strict=True) for trial in pair]
    comparison.fold(mixed)
    comparison.grade([Grade(trial, 0.95, 1.0) for trial in mixed])
    evidence = comparison.evidence()
    assert evidence.verdict == "not inferior"
    assert evidence.requests == {"control": 3_000, "treatment": 3_000}
    assert [m.name for m in evidence.measures] == ["quality", "errors", "cost", "latency"]
    assert evidence.measures[2].treatment == pytest.approx(0.01)


def test_exploring_counts_and_compares_nothing():
    """There is no second arm; money still counts, and what has no price is said."""
    comparison = Comparison(Definition("look", "explore", "request", max_usd=5.0))
    comparison.fold(trials(3, arm="explored") + trials(1, arm="explored", cost_usd=None))
    evidence = comparison.evidence()
    assert (evidence.verdict, evidence.measures) == ("running", ())
    assert evidence.treated_usd == pytest.approx(0.03)
    assert evidence.unpriced == 1


def test_a_share_of_all_has_nothing_to_compare_with():
    """At share 1 there is no control: requests are counted, no interval is claimed."""
    comparison = Comparison(DEFINITION)
    comparison.fold(trials(50, arm="treatment", propensity=1.0, failed=True))
    evidence = comparison.evidence()
    assert evidence.verdict == "running"
    assert evidence.measures[1].low is None


def test_a_definition_is_what_its_evidence_depends_on():
    """The share may change; the model behind a target, the margin and the budget may not."""
    first = running(policy())["try"].digest
    assert running(policy(share=0.1))["try"].digest == first
    for change in ({"max_usd": 3.0}, {"stop_if": {"inferior_by": 0.1}}, {"sticky": "key"}, {"kind": "ab"}):
        assert running(policy(**change))["try"].digest != first
