"""What statuses and broken connections of a target mean."""

from __future__ import annotations

import asyncio
import json
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from gateway.errors import (
    BadCompletion,
    CredentialsRefused,
    NotCapable,
    NotConfident,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.execute.failures import from_exception, from_status, may_climb, retry_after


def said(message: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "expected", "http_status", "retryable"),
    [
        (400, UpstreamRejected, 400, False),
        (401, CredentialsRefused, 502, False),
        (403, CredentialsRefused, 502, False),
        (404, UpstreamRejected, 404, False),
        (408, UpstreamTimeout, 504, True),
        (413, UpstreamRejected, 413, False),
        (422, UpstreamRejected, 422, False),
        (429, UpstreamRateLimited, 429, True),
        (500, UpstreamUnavailable, 503, True),
        (502, UpstreamUnavailable, 503, True),
        (503, UpstreamUnavailable, 503, True),
        (504, UpstreamTimeout, 504, True),
        (529, UpstreamUnavailable, 503, True),
        (204, BadCompletion, 502, True),
        (302, BadCompletion, 502, True),
    ],
)
def test_each_status_means_one_error(status, expected, http_status, retryable):
    """The caller's status, and whether asking the same target again makes sense."""
    error = from_status("openai", status, {}, said("reason"))
    assert type(error) is expected
    assert (error.http_status, error.retryable) == (http_status, retryable)
    assert "`openai`" in error.message


@pytest.mark.parametrize("status", [400, 429, 401, 500])
def test_the_targets_own_words_are_passed_on(status):
    """Whoever reads the error learns what the target said."""
    assert "model is on fire" in from_status("x", status, {}, said("model is on fire")).message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": null}', b'{"error": "text"}', b"\xff"])
def test_a_body_without_envelope_is_not_passed_on(body):
    """A proxy's error page is not given to a client that expects JSON."""
    error = from_status("x", 400, {}, body)
    assert isinstance(error, UpstreamRejected)
    assert error.body == b""
    assert "status 400" in error.message


def test_an_envelope_is_kept_byte_for_byte():
    """Provider fields in an error reach the caller."""
    body = b'{ "error": {"message": "bad", "code": "x", "inner": {"a": 1}} }'
    error = from_status("x", 422, {}, body)
    assert isinstance(error, UpstreamRejected)
    assert error.body == body


def test_a_declining_specialist_is_recognised_by_its_code():
    """Whatever its status: the next step should answer."""
    assert type(from_status("pointsman", 422, {}, said("no task seen", "not_capable"))) is NotCapable


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_the_time_to_wait_is_kept(status):
    """`retry-after` counts on every failure that may pass."""
    assert from_status("x", status, {"retry-after": "7"}, b"").retry_after_s == 7


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "100"}, 0.1),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "99999"}, 3600),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 01 Jan 2999 00:00:00 GMT"}, 3600),
    ],
)
def test_retry_after_in_every_form(headers, expected):
    """Seconds, milliseconds and dates are read; the past is now, and nobody waits over an hour."""
    assert retry_after(headers) == expected


def connector_error() -> aiohttp.ClientConnectorError:
    key = ConnectionKey("host", 443, True, True, None, None, None)
    return aiohttp.ClientConnectorError(key, OSError(111, "Connection refused"))


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (TimeoutError(), UpstreamTimeout),
        (aiohttp.ServerTimeoutError(), UpstreamTimeout),
        (aiohttp.ConnectionTimeoutError(), UpstreamTimeout),
        (connector_error(), UpstreamUnavailable),
        (aiohttp.ServerDisconnectedError(), UpstreamUnavailable),
        (aiohttp.ClientPayloadError(), UpstreamUnavailable),
        (ConnectionResetError(), UpstreamUnavailable),
        (ssl.SSLError("handshake"), UpstreamUnavailable),
        (aiohttp.InvalidURL("x"), BadCompletion),
        (ValueError("an event of the stream is too large"), BadCompletion),
    ],
)
def test_each_broken_connection_means_one_error(raised, expected):
    """The table of foreign exceptions."""
    error = from_exception("openai", raised)
    assert type(error) is expected
    assert "`openai`" in error.message


def test_a_mistake_of_ours_is_not_taken_for_the_targets():
    """What is in no table is raised as it is, so that it shows."""
    with pytest.raises(KeyError):
        from_exception("openai", KeyError("x"))
    with pytest.raises(asyncio.InvalidStateError):
        from_exception("openai", asyncio.InvalidStateError())


def rejected(status: int, code: str | None = None) -> UpstreamRejected:
    return UpstreamRejected("no", upstream_status=status, body=said("no", code))


@pytest.mark.parametrize(
    ("error", "climbs"),
    [
        (UpstreamTimeout("x"), True),
        (UpstreamUnavailable("x"), True),
        (BadCompletion("x"), True),
        (CredentialsRefused("x"), True),
        (NotCapable("x"), True),
        (NotConfident("x"), True),
        (UpstreamRateLimited("x", upstream_status=429), True),
        (rejected(404), True),
        (rejected(413), True),
        (rejected(400, "context_length_exceeded"), True),
        (rejected(400, "content_filter"), True),
        (rejected(400, "content_policy_violation"), True),
        (rejected(400), False),
        (rejected(400, "invalid_value"), False),
        (rejected(422), False),
    ],
)
def test_the_plan_climbs_where_another_target_could_do_better(error, climbs):
    """A caller's mistake would fail everywhere, at a price; everything else depends on the target."""
    assert may_climb(error) is climbs
