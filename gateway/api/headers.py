"""Headers of answers: what was decided, how long it took, and under which id it is on record."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from gateway.telemetry import names as n

if TYPE_CHECKING:
    from gateway.api.http import Headers
    from gateway.types import Outcome
    from policies.decision import Decision

_ids = random.Random()  # noqa: S311 an id is no secret; it has to be unique, over processes too
_PRINTABLE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))
# What a policy may match on. Credentials stay out, and so do our own headers: a client cannot speak for the gateway.
_WITHHELD = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "api-key"})
REQUEST_ID = n.HEADER_REQUEST_ID.encode()
PROCESSING = n.HEADER_PROCESSING.encode()


def new_request_id() -> str:
    """A fresh id: `req_` and 96 random bits in hex."""
    return f"req_{_ids.getrandbits(96):024x}"


def visible(headers: dict[str, str]) -> dict[str, str]:
    """The request headers that a policy may look at."""
    return {k: v for k, v in headers.items() if k not in _WITHHELD and not k.startswith("x-pointsman-")}


def stamped(request_id: str, received_ns: int) -> Headers:
    """The two headers that every answer has: its id, and the milliseconds since `received_ns`."""
    elapsed = (time.time_ns() - received_ns) // 1_000_000
    return [(REQUEST_ID, request_id.encode()), (PROCESSING, str(elapsed).encode())]


def response_headers(outcome: Outcome) -> Headers:
    """The decision headers. Cost and savings appear once they are known: not on a stream that is still running."""
    values = {
        n.HEADER_TARGET: outcome.target,
        n.HEADER_MODEL: outcome.model,
        n.HEADER_RULE: outcome.rule,
        n.HEADER_POLICY: outcome.policy_version,
        n.HEADER_TASK: outcome.task,
        n.HEADER_DOMAIN: outcome.domain,
        n.HEADER_DIFFICULTY: _number(outcome.difficulty, 3),
        n.HEADER_CONFIDENCE: _number(outcome.confidence, 4),
        n.HEADER_CACHE: outcome.cache,
        n.HEADER_COST: _number(outcome.cost_usd, 9),
        n.HEADER_SAVED: _number(outcome.saved_usd, 9),
        n.HEADER_OVERHEAD: _number(outcome.overhead_ms, 3),
        n.HEADER_TRACE: outcome.trace_id,
        n.HEADER_EXPERIMENT: _experiment(outcome.decision),
        n.HEADER_DEGRADED: outcome.degraded,
        n.HEADER_REQUEST_ID: outcome.call.request_id,
        n.HEADER_PROCESSING: str((time.time_ns() - outcome.call.received_ns) // 1_000_000),
    }
    return [(name.encode(), _safe(value)) for name, value in values.items() if value]


def _experiment(decision: Decision | None) -> str | None:
    if decision is None or decision.experiment is None:
        return None
    return f"{decision.experiment}/{decision.arm}"


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _safe(value: str) -> bytes:
    """A header value: Latin-1 without line breaks and other controls, whatever a model name contains."""
    return value.encode("latin-1", "replace").translate(_PRINTABLE)
