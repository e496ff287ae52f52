"""What a target's failure means: one table from statuses and foreign exceptions to our own errors."""

from __future__ import annotations

import asyncio
import email.utils
import os
import time
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from gateway.errors import (
    AttemptError,
    BadCompletion,
    CredentialsRefused,
    NotCapable,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_RETRY_AFTER_S = 3600.0


class _ErrorBody(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None


class _Envelope(msgspec.Struct):
    error: _ErrorBody | None = None


def from_status(provider: str, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
    """The error that an HTTP answer other than 2xx stands for."""
    said = _error_of(body)
    message = (said.message if said else None) or f"no error message (status {status})"
    retry_after_s = retry_after(headers)
    if said and said.code == "not_capable":
        return NotCapable(message)
    if status == 429:
        return UpstreamRateLimited(
            f"`{provider}` is rate limiting: {message}",
            upstream_status=429,
            body=body if said else b"",
            retry_after_s=retry_after_s,
        )
    if status in (401, 403):
        # Passed on as 401 this would read as if the caller's own key were wrong.
        return CredentialsRefused(f"`{provider}` refused the gateway's credentials: {message}")
    if status == 408 or status == 504:
        return UpstreamTimeout(f"`{provider}` timed out: {message}", retry_after_s=retry_after_s)
    if status >= 500:
        return UpstreamUnavailable(
            f"`{provider}` failed with {status}: {message}", retry_after_s=retry_after_s
        )
    if status >= 400:
        return UpstreamRejected(
            f"`{provider}` rejected the request: {message}",
            upstream_status=status,
            body=body if said else b"",
        )
    return BadCompletion(f"`{provider}` answered with the unexpected status {status}.")


def from_exception(provider: str, error: Exception) -> AttemptError:
    """The error that a failed connection or a broken transfer stands for."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return UpstreamTimeout(f"`{provider}` did not answer in time.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamUnavailable(f"`{provider}` cannot be reached: {_reason(error)}.")
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return UpstreamUnavailable(f"The connection to `{provider}` broke before the answer was complete.")
    if isinstance(error, aiohttp.ClientError | ValueError):
        return BadCompletion(f"`{provider}` does not speak the expected protocol: {type(error).__name__}.")
    raise error


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Why no connection came about, without the address: callers need not know it."""
    code = error.os_error.errno
    return os.strerror(code).lower() if code else "the connection failed"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that a response asks for: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date.

    Absurd values are capped at an hour, negative ones read as zero, unreadable ones ignored.
    """
    try:
        if (ms := headers.get("retry-after-ms")) is not None:
            seconds = float(ms) / 1000
        elif (value := headers.get("retry-after")) is None:
            return None
        elif value.replace(".", "", 1).lstrip("-").isdigit():
            seconds = float(value)
        else:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER_S)


def may_climb(error: AttemptError) -> bool:
    """Whether the next step of the plan could do better.

    A plain 4xx is the caller's mistake and would fail everywhere, at a price; a context overflow or a content
    filter depends on the target.
    """
    if not isinstance(error, UpstreamRejected) or isinstance(error, UpstreamRateLimited):
        return True
    if error.upstream_status in (404, 413):
        return True
    said = _error_of(error.body)
    return bool(
        said and said.code in ("context_length_exceeded", "content_filter", "content_policy_violation")
    )


def _error_of(body: bytes) -> _ErrorBody | None:
    try:
        return msgspec.json.decode(body, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
