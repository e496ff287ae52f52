"""What may be read from and written to the cache."""

from __future__ import annotations

import pytest

from gateway.cache.eligibility import may_read, may_store, parse_cache_control, ttl_s
from gateway.types import CacheDirective
from policies.decision import CachePlan, Decision, Plan
from tests.unit.gateway.build import call


def decision(*, degraded=None, **cache):
    return Decision("v", "default", Plan((), CachePlan(**cache), degraded=degraded), ())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (True, True, None)),
        ("", (True, True, None)),
        ("no-cache", (False, True, None)),
        ("no-store", (False, False, None)),
        ("No-Cache, max-age=60", (False, True, 60)),
        ("max-age=60", (True, True, 60)),
        ('max-age="60"', (True, True, 60)),
        ("max-age=0", (False, True, 0)),
        ("max-age=-1", (True, True, None)),
        ("max-age=²", (True, True, None)),
        ("max-age", (True, True, None)),
        ("only-if-cached, private", (True, True, None)),
    ],
)
def test_cache_control_is_read_as_the_rfc_says(header, expected):
    """Case, quotes and unknown directives; nothing in it can fail a request."""
    assert parse_cache_control(header) == expected


def test_a_finished_answer_may_be_stored():
    """The plain case."""
    assert may_store(call(), decision(), "stop", calls_tools=False)


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls", None])
def test_an_answer_that_did_not_end_by_itself_is_not_stored(reason):
    """Truncated, filtered, or of unknown end."""
    assert not may_store(call(), decision(), reason, calls_tools=False)


@pytest.mark.parametrize(
    ("some", "plan", "calls_tools"),
    [
        (call(), decision(), True),
        (call(), decision(exact=False), False),
        (call(), decision(degraded="no upstream"), False),
        (call({"temperature": 0.7}), decision(), False),
        (call(cache=CacheDirective(store=False)), decision(), False),
    ],
    ids=["tool call", "policy says no", "stand-in", "drawn at random", "client says no"],
)
def test_what_is_never_stored(some, plan, calls_tools):
    """Each reason alone is enough."""
    assert not may_store(some, plan, "stop", calls_tools=calls_tools)


def test_a_policy_may_allow_sampled_answers():
    """A seed makes an answer repeatable, and `sampled` says that it need not be."""
    assert may_store(call({"temperature": 0.7}), decision(sampled=True), "stop", calls_tools=False)
    assert may_store(call({"temperature": 0.7, "seed": 1}), decision(), "stop", calls_tools=False)


def test_the_shorter_time_wins():
    """A client may ask for less time than the policy gives, never for more."""
    assert ttl_s(decision(ttl_s=100), CacheDirective()) == 100
    assert ttl_s(decision(ttl_s=100), CacheDirective(max_age_s=5)) == 5
    assert ttl_s(decision(ttl_s=100), CacheDirective(max_age_s=500)) == 100


def test_a_client_may_ask_for_a_fresh_answer():
    """Reading is its choice."""
    assert may_read(call())
    assert not may_read(call(cache=CacheDirective(read=False)))
