"""Money: what is not known is never shown as free."""

from __future__ import annotations

import pytest

from gateway.telemetry.cost import Price, Prices, read_table
from gateway.types import Usage
from tests.unit.gateway.build import loaded

POLICY = """
version: 1
targets:
  judge: {kind: specialist, model: sentiment}
  small: {kind: local, model: s}
  cheap: {kind: upstream, model: own/a, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}}
  dear: {kind: upstream, model: own/b, price: {input_usd_per_mtok: 10, output_usd_per_mtok: 40}}
  unknown: {kind: upstream, model: own/never-heard-of}
default: {steps: [small]}
"""
USAGE = Usage(1_000_000, 500_000)


def prices(text=POLICY, usd_per_cpu_hour=3.6):
    return Prices(loaded(text).policy, usd_per_cpu_hour)


def test_an_upstream_costs_by_tokens():
    """Input and output have prices of their own."""
    assert prices().cost("cheap", USAGE, None) == pytest.approx(1 + 1)


def test_a_local_answer_costs_by_its_compute_time():
    """USD 3.60 an hour is 0.1 cent a second; unmeasured time is not free."""
    assert prices().cost("small", USAGE, 2000) == pytest.approx(0.002)
    assert prices().cost("judge", None, 500) == pytest.approx(0.0005)
    assert prices().cost("small", USAGE, None) is None


def test_an_unknown_price_is_none_and_never_zero():
    """Neither cost nor expectation."""
    found = prices()
    assert found.cost("unknown", USAGE, 100) is None
    assert found.cost("not-a-target", USAGE, None) is None
    assert found.cost("cheap", None, None) is None
    assert "unknown" not in found.expected(10, 10)
    assert Price(1e-6, None).cost(USAGE) is None


def test_cached_tokens_have_their_own_price():
    """Only the cached part, at most the whole prompt, and the full price where no other is listed."""
    price = Price(1.0, 0.0, cache_read_input_token_cost=0.1)
    assert price.cost(Usage(10, 0, cached_tokens=4)) == pytest.approx(6 + 0.4)
    assert price.cost(Usage(10, 0, cached_tokens=99)) == pytest.approx(1)
    assert Price(1.0, 0.0).cost(Usage(10, 0, cached_tokens=4)) == pytest.approx(10)


def test_savings_count_against_the_dearest_upstream_or_the_named_one():
    """The baseline is what would have answered everything."""
    assert prices().baseline == "dear"
    assert prices().counterfactual(USAGE) == pytest.approx(10 + 20)
    named = prices(POLICY.replace("version: 1", "version: 1\nbaseline: cheap"))
    assert named.counterfactual(USAGE) == pytest.approx(2)


def test_without_a_priced_upstream_nothing_is_saved_or_lost():
    """No baseline, no claim."""
    found = prices("version: 1\ntargets: {s: {kind: local, model: s}}\ndefault: {steps: [s]}\n")
    assert found.baseline is None
    assert found.counterfactual(USAGE) is None


def test_expected_costs_put_targets_in_order():
    """A specialist before a small model before an LLM, for a usual request."""
    expected = prices(usd_per_cpu_hour=0.04).expected(100, None)
    assert expected["judge"] < expected["small"] < expected["cheap"] < expected["dear"]


def test_the_table_knows_models_with_and_without_provider():
    """Prices come from the table of the installed litellm; unknown models are absent."""
    found = read_table(["openai/gpt-4o-mini", "own/never-heard-of"])
    assert found.keys() == {"openai/gpt-4o-mini"}
    assert (found["openai/gpt-4o-mini"].input_cost_per_token or 0) > 0
