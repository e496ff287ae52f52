"""Errors in the envelope and with the headers that OpenAI's clients act upon."""

from __future__ import annotations

import json

import pytest

from gateway import errors as e
from gateway.api.errors import envelope, headers
from gateway.types import Attempt

FAILED = Attempt("a", "m", "p", "failed", 0, 0)
OWN_BODY = b'{ "error": {"message": "theirs", "code": "x"} }'


def exhausted(cause, attempts=1):
    return e.PlanExhausted("all failed", cause=cause, attempts=[FAILED] * attempts)


def error_of(error):
    return json.loads(envelope(error))["error"]


def test_the_envelope_has_all_four_keys():
    """The official client reads message, type, param and code."""
    assert error_of(e.InvalidRequest("Change `x`.", param="x")) == {
        "message": "Change `x`.", "type": "invalid_request_error", "param": "x", "code": "invalid_request",
    }  # fmt: skip


def test_one_attempt_speaks_for_itself():
    """With one step, the target's own code and type are given."""
    found = error_of(exhausted(e.UpstreamTimeout("late")))
    assert (found["type"], found["code"]) == ("timeout_error", "upstream_timeout")


def test_several_attempts_have_a_code_of_their_own():
    """No single target's code would be true."""
    assert error_of(exhausted(e.UpstreamTimeout("late"), attempts=2))["code"] == "all_targets_failed"


def test_an_upstreams_envelope_is_passed_on_only_where_it_alone_decided():
    """Byte for byte; after several attempts it would tell half of the story."""
    cause = e.UpstreamRejected("no", upstream_status=422, body=OWN_BODY)
    assert envelope(exhausted(cause)) == OWN_BODY
    assert error_of(exhausted(cause, attempts=2))["code"] == "all_targets_failed"


@pytest.mark.parametrize(
    ("error", "repeat"),
    [
        (e.InvalidRequest("x"), False),
        (e.NoUpstreamConfigured("x"), False),
        (e.NoUsableTarget("x"), False),
        (exhausted(e.NotConfident("x")), False),
        (exhausted(e.CredentialsRefused("x")), False),
        (exhausted(e.UpstreamRejected("x", upstream_status=400)), False),
        (exhausted(e.UpstreamTimeout("x")), True),
        (exhausted(e.UpstreamUnavailable("x")), True),
        (exhausted(e.UpstreamRateLimited("x", upstream_status=429)), True),
        (e.GatewayError("x"), True),
    ],
)
def test_a_client_repeats_only_what_may_pass(error, repeat):
    """OpenAI's client repeats every 5xx unless told not to, and each repeat may cost."""
    assert ((b"x-should-retry", b"false") in headers(error)) is not repeat


def test_the_time_to_wait_is_said_in_both_units_rounded_up():
    """Nobody comes back too early."""
    found = dict(headers(exhausted(e.UpstreamUnavailable("x", retry_after_s=1.0004))))
    assert (found[b"retry-after"], found[b"retry-after-ms"]) == (b"2", b"1001")
    assert b"retry-after" not in dict(headers(e.UpstreamUnavailable("x")))


def test_only_a_missing_key_asks_for_one():
    """`www-authenticate` belongs to 401."""
    assert (b"www-authenticate", b"Bearer") in headers(e.Unauthorised("x"))
    assert b"www-authenticate" not in dict(headers(e.TooLarge("x")))
