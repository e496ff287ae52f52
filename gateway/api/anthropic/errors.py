"""Errors as Anthropic's clients parse them: `{"type": "error", "error": {"type", "message"}, "request_id"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.errors import PlanExhausted

if TYPE_CHECKING:
    from gateway.errors import GatewayError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: GatewayError, request_id: str | None = None) -> bytes:
    """The envelope. `code` and `param` are the gateway's own words, beside those that Anthropic defines."""
    status = error.http_status
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    decisive = error.cause if isinstance(error, PlanExhausted) and len(error.attempts) < 2 else error
    said = {"type": kind, "message": error.message, "code": decisive.code, "param": error.param}
    return msgspec.json.encode({"type": "error", "error": said, "request_id": request_id})
