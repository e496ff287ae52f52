"""Everything that can go wrong, as one tree.

    StartupError                      exit 2, all findings at once
    GatewayError
      CallerError     InvalidRequest 400  Unauthorised 401  Forbidden 403  UnknownModel 404  UnknownRoute 404
                      UnknownVersion 404  UnknownRequest 404  UnknownKey 404  UnknownResponse 404
                      MethodNotAllowed 405  RequestTimeout 408  PolicyNotWritable 409  KeyConflict 409
                      PolicyChanged 412  TooLarge 413  UnsupportedMedia 415  PolicyRefused 422
                      PreconditionMissing 428
      AttemptError    UpstreamTimeout 504  UpstreamUnavailable 503  UpstreamRejected 4xx  UpstreamRateLimited 429
                      CredentialsRefused 502  BadCompletion 502  NotCapable 502  NotConfident 502
                      CircuitOpen 503  TargetBusy 503  DeadlinePassed 504
      PlanExhausted   502, carries its attempts
      NoUpstreamConfigured 503  NoUsableTarget 503  HistoryUnavailable 503  RecordsUnavailable 503
      ShuttingDown 503
      StreamBroken    after the first byte: an error event, no [DONE]

Each class fixes `status`, `type` and `code` in OpenAI's words. Only `AttemptError` is caught in the
pipeline, and only where the plan climbs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.types import Attempt
    from policies.findings import Finding


class StartupError(Exception):
    """The process cannot start; carries every finding, so that one run shows them all."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"{len(findings)} finding(s)")
        self.findings = tuple(findings)


class GatewayError(Exception):
    """Base of every error that a caller may receive; `message` is a whole sentence for people."""

    attempts: tuple[Attempt, ...] = ()
    """Calls of targets that were made before this came about; they are recorded with it."""
    details: Mapping[str, object] = MappingProxyType({})
    """More for programs, beside the message in the envelope."""
    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def http_status(self) -> int:
        """Status to answer with; a class constant for all but errors passed on from an upstream."""
        return self.status


class CallerError(GatewayError):
    """The request is at fault; sending it again unchanged will fail again."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class InvalidRequest(CallerError):
    """The request is malformed; the message and `param` say what to change."""

    code = "invalid_request"


class Unauthorised(CallerError):
    """The API key is missing, malformed or not known here."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(CallerError):
    """The caller may not do this, or not from where the request came; the message says what to set."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class UnknownModel(CallerError):
    """No target, alias or local model has this name."""

    status = 404
    code = "model_not_found"


class UnknownRoute(CallerError):
    """There is nothing at this URL."""

    status = 404
    code = "unknown_url"


class UnknownVersion(CallerError):
    """No policy of this version is in the history."""

    status = 404
    code = "unknown_policy_version"


class UnknownRequest(CallerError):
    """No record of the caller's own tenant has this request id."""

    status = 404
    code = "request_not_found"


class UnknownKey(CallerError):
    """No key of this name is in the database, or none that could be rotated."""

    status = 404
    code = "key_not_found"


class UnknownResponse(CallerError):
    """No response of the caller's own tenant has this id, or its time is over."""

    status = 404
    code = "response_not_found"


class MethodNotAllowed(CallerError):
    """The URL exists and does not take this method."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(CallerError):
    """The request body did not arrive in time."""

    status = 408
    type = "timeout_error"
    code = "request_timeout"


class PolicyNotWritable(CallerError):
    """The policy file cannot be replaced, so nothing was published; the message says why and what to do."""

    status = 409
    code = "policy_not_writable"


class KeyConflict(CallerError):
    """There is a key of this name already; nothing was changed."""

    status = 409
    code = "key_exists"


class PolicyChanged(CallerError):
    """`If-Match` names another policy than the one in force: somebody published in between. Nothing was changed."""

    status = 412
    code = "policy_changed"

    def __init__(self, message: str, *, details: Mapping[str, object]) -> None:
        super().__init__(message, param="if-match")
        self.details = details


class TooLarge(CallerError):
    """The request body is larger than `POINTSMAN_MAX_BODY_MB`."""

    status = 413
    code = "request_too_large"


class UnsupportedMedia(CallerError):
    """The request body has an encoding that is not read."""

    status = 415
    code = "unsupported_media_type"


class PolicyRefused(CallerError):
    """The policy has findings and was not published; `findings` lists them all with line and column."""

    status = 422
    code = "policy_refused"

    def __init__(self, message: str, *, details: Mapping[str, object]) -> None:
        super().__init__(message)
        self.details = details


class PreconditionMissing(CallerError):
    """Replacing the policy needs `If-Match` with the ETag of the one that the edit began with."""

    status = 428
    code = "if_match_required"


class NoUpstreamConfigured(GatewayError):
    """The plan needs an LLM and none is configured; the message names the variable to set."""

    status = 503
    code = "no_upstream_configured"


class NoUsableTarget(GatewayError):
    """The policy left no target that may answer this request."""

    status = 503
    code = "no_usable_target"


class HistoryUnavailable(GatewayError):
    """The database with the versions of the policy does not answer; what serves goes on serving."""

    status = 503
    code = "policy_history_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The versions of the policy cannot be reached ({reason}). What serves goes on serving; "
            "see that the database answers, then send this again."
        )
        self.reason = reason


class RecordsUnavailable(GatewayError):
    """The database of records does not answer; requests are answered all the same."""

    status = 503
    code = "records_unavailable"


class AttemptError(GatewayError):
    """One target failed; the next step of the plan may still answer."""

    retryable: ClassVar[bool] = False
    """Whether the same target may be tried again."""
    sent: bool = True
    """False when the gateway held the call back: the next step is tried at once."""


class UpstreamTimeout(AttemptError):
    """The target did not answer within its time."""

    status = 504
    type = "timeout_error"
    code = "upstream_timeout"
    retryable = True


class UpstreamUnavailable(AttemptError):
    """The target cannot be reached, or failed on its side."""

    status = 503
    code = "upstream_unavailable"
    retryable = True


class UpstreamRejected(AttemptError):
    """The upstream answered 4xx. Its own error body is passed on when no other step answers."""

    status = 400
    type = "invalid_request_error"
    code = "upstream_rejected"

    def __init__(
        self, message: str, *, upstream_status: int, body: bytes = b"", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.upstream_status = upstream_status
        self.body = body
        """The upstream's error envelope, byte for byte, or empty when it was not one."""

    @property
    def http_status(self) -> int:
        return self.upstream_status


class UpstreamRateLimited(UpstreamRejected):
    """The target asks to come back later."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True


class CredentialsRefused(AttemptError):
    """The target refused the gateway's own key; asking again will not help until somebody changes it."""

    status = 502
    code = "upstream_credentials_refused"


class BadCompletion(AttemptError):
    """A success status with an error, garbage or nothing in it."""

    status = 502
    code = "bad_upstream_answer"
    retryable = True


class NotCapable(AttemptError):
    """The target declines this request, e.g. a specialist that does not recognise its task."""

    status = 502
    code = "not_capable"


class NotConfident(AttemptError):
    """The answer was below the confidence that the policy accepts."""

    status = 502
    code = "not_confident"


class CircuitOpen(AttemptError):
    """The target failed too often of late and was not called: its circuit breaker is open. See `retry-after`."""

    status = 503
    code = "circuit_open"
    retryable = True


class TargetBusy(AttemptError):
    """As many calls of the target are under way and waiting as it is given, so it was not called."""

    status = 503
    code = "target_busy"
    retryable = True


class DeadlinePassed(AttemptError):
    """The plan's `deadline_s` passed before any of its steps had answered."""

    status = 504
    type = "timeout_error"
    code = "deadline_passed"
    retryable = True


class PlanExhausted(GatewayError):
    """No step of the plan answered. Speaks with the status of its decisive cause and carries every attempt."""

    status = 502
    code = "all_targets_failed"

    def __init__(self, message: str, *, cause: AttemptError, attempts: Sequence[Attempt]) -> None:
        super().__init__(message, retry_after_s=cause.retry_after_s)
        self.cause = cause
        self.attempts = tuple(attempts)

    @property
    def http_status(self) -> int:
        return self.cause.http_status


class ShuttingDown(GatewayError):
    """The gateway stops, and this answer did not come within the grace period."""

    status = 503
    code = "shutting_down"


class StreamBroken(GatewayError):
    """The answer broke off after its first byte had been sent."""

    status = 502
    code = "stream_interrupted"
