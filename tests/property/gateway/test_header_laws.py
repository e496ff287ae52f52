"""Headers from and to the outside: any text comes in, only clean text goes out."""

from __future__ import annotations

import math
import string

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.api.errors import envelope, headers
from gateway.api.headers import response_headers
from gateway.errors import GatewayError, UpstreamRateLimited
from gateway.execute.failures import from_status, retry_after
from gateway.types import Outcome
from policies.decision import CachePlan, Decision, Plan
from tests.property.gateway.strategies import law
from tests.unit.gateway.build import call

_value = st.one_of(
    st.text(max_size=30),
    st.text(string.digits + ".-+eE naif", max_size=12),
    st.dates().map(lambda day: day.strftime("%a, %d %b %Y 00:00:00 GMT")),
    st.dates().map(lambda day: day.strftime("%a, %d %b %Y 99:99:99 +9999")),
)


@law
@given(_value, st.sampled_from(["retry-after", "retry-after-ms"]))
@example("nan", "retry-after-ms")
@example("inf", "retry-after-ms")
@example("²", "retry-after")
@example("Mon, 01 Jan 0001 00:00:00 GMT", "retry-after")
@example("1" * 400, "retry-after")
def test_retry_after_is_a_bounded_time_or_nothing(value, name):
    """Whatever an upstream writes there, waiting stays between nothing and an hour."""
    found = retry_after({name: value})
    assert found is None or 0 <= found <= 3600
    error = from_status("x", 429, {name: value}, b"")
    assert isinstance(error, UpstreamRateLimited)
    for header, sent in headers(error):
        assert header != b"retry-after" or sent.isdigit()


@law
@given(st.text(), st.text(), st.text(), st.floats() | st.none())
def test_response_headers_hold_no_control_character(target, model, rule, cost):
    """No name, however odd, can end a header and begin another one."""
    outcome = Outcome(
        call(), "ok", "miss", target=target, model=model, rule=rule, degraded=rule, cost_usd=cost
    )
    for name, value in response_headers(outcome):
        assert name.decode("ascii").isprintable()
        assert not any(byte < 32 or byte == 127 for byte in value)


def test_numbers_in_headers_are_plain_decimals():
    """No exponent that a reader of headers might not understand; what is unknown is absent, never 0."""
    outcome = Outcome(call(), "ok", "miss", cost_usd=1.5e-7, counterfactual_usd=0.25, difficulty=0.5)
    found = dict(response_headers(outcome))
    assert found[b"x-pointsman-cost-usd"] == b"0.000000150"
    assert found[b"x-pointsman-saved-usd"] == b"0.249999850"
    assert found[b"x-pointsman-difficulty"] == b"0.500"
    assert b"x-pointsman-confidence" not in found
    unpriced = dict(response_headers(Outcome(call(), "ok", "miss", counterfactual_usd=0.25)))
    assert not {b"x-pointsman-cost-usd", b"x-pointsman-saved-usd"} & unpriced.keys()


def test_an_experiment_is_named_with_its_arm():
    """Whoever reads the answer sees that it was drawn; without an experiment there is no such header."""
    decision = Decision("v", "default", Plan((), CachePlan()), (), 0.05, "try-small-v2", "treatment")
    found = dict(response_headers(Outcome(call(), "ok", "miss", decision=decision)))
    assert found[b"x-pointsman-experiment"] == b"try-small-v2/treatment"
    plain = Decision("v", "default", Plan((), CachePlan()), ())
    assert b"x-pointsman-experiment" not in dict(
        response_headers(Outcome(call(), "ok", "miss", decision=plain))
    )


@law
@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 3600))
def test_any_message_makes_a_valid_envelope(message, wait):
    """The error body is JSON, and the wait is rounded up so that nobody comes too early."""
    import json

    error = GatewayError(message, retry_after_s=wait)
    assert json.loads(envelope(error))["error"]["message"] == message
    assert int(dict(headers(error))[b"retry-after"]) == math.ceil(wait)
