"""Errors as OpenAI's clients parse them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import (
    AttemptError,
    CallerError,
    GatewayError,
    NoUpstreamConfigured,
    NoUsableTarget,
    PlanExhausted,
    UpstreamRejected,
)

if TYPE_CHECKING:
    from gateway.api.http import Headers


def envelope(error: GatewayError) -> bytes:
    """The error body. An upstream's own envelope is passed on byte for byte when it alone decided."""
    cause = error.cause if isinstance(error, PlanExhausted) else error
    if isinstance(cause, UpstreamRejected) and cause.body and not _several(error):
        return cause.body
    decisive = cause if isinstance(error, PlanExhausted) and not _several(error) else error
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": decisive.type,
                "param": error.param,
                "code": decisive.code,
                **error.details,
            }
        }
    )


def headers(error: GatewayError) -> Headers:
    """Headers that go with an error: when to come back, and what would have been allowed."""
    found: Headers = []
    if error.retry_after_s is not None:
        found.append((b"retry-after", str(math.ceil(error.retry_after_s)).encode()))
        found.append((b"retry-after-ms", str(math.ceil(error.retry_after_s * 1000)).encode()))
    if not _worth_repeating(error):
        found.append((b"x-should-retry", b"false"))  # OpenAI's clients repeat every 5xx without it
    if error.status == 401:
        found.append((b"www-authenticate", b"Bearer"))
    return found


def _several(error: GatewayError) -> bool:
    return isinstance(error, PlanExhausted) and len(error.attempts) > 1


def _worth_repeating(error: GatewayError) -> bool:
    """Whether the same request could succeed later without anybody changing anything."""
    if isinstance(error, CallerError | NoUpstreamConfigured | NoUsableTarget):
        return False
    cause = error.cause if isinstance(error, PlanExhausted) else error
    return not isinstance(cause, AttemptError) or cause.retryable
