"""What the worker answers when it does not answer.

GatewayError
  InvalidRequest 400  UnknownModel 404  TooLarge 413  ContextExceeded 400  Declines 422  Overloaded 429
  ModelLoading 503  ModelUnavailable 503  ShuttingDown 503  GenerationBroke 500
"""

from __future__ import annotations

from gateway.errors import CallerError, GatewayError


class ContextExceeded(CallerError):
    """The prompt is longer than the model's context."""

    code = "context_length_exceeded"


class Declines(GatewayError):
    """The model abstains: the request is not its task. The message is the reason."""

    status = 422
    type = "invalid_request_error"
    code = "not_capable"


class Overloaded(GatewayError):
    """The queue of this model is full."""

    status = 429
    type = "rate_limit_error"
    code = "overloaded"


class ModelLoading(GatewayError):
    """The model is known and not loaded yet."""

    status = 503
    code = "model_loading"


class ModelUnavailable(GatewayError):
    """The model's files are absent or could not be loaded; the message says what to do."""

    status = 503
    code = "model_unavailable"


class ShuttingDown(GatewayError):
    """The process was told to stop and the grace period is over."""

    status = 503
    code = "shutting_down"


class GenerationBroke(GatewayError):
    """The runtime failed in the middle of an answer."""

    code = "generation_failed"
