"""What a call took: time to its first byte, tokens, and money."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.types import Usage

if TYPE_CHECKING:
    from gateway.climb import Climbed
    from gateway.errors import GatewayError
    from gateway.live import LivePolicy
    from gateway.types import Delta, Outcome


def first_byte(outcome: Outcome, *, waited_ns: int) -> Outcome:
    """The outcome as its first byte is at hand; `waited_ns` went to waiting for targets."""
    elapsed = time.time_ns() - outcome.call.received_ns
    return replace(outcome, first_byte_ms=elapsed / 1e6, overhead_ms=max(0, elapsed - waited_ns) / 1e6)


def settled(outcome: Outcome, kept: list[Delta], climbed: Climbed, live: LivePolicy) -> Outcome:
    """The outcome with tokens and money, also for an answer that broke off or was not wanted any more."""
    usage = next((delta.usage for delta in reversed(kept) if delta.usage), None) or _estimate(outcome, kept)
    attempt = climbed.attempts[-1]
    compute_ms = climbed.answer.compute_ms
    if compute_ms is None:  # a stream is over before its compute time could be said: count all of its time
        compute_ms = (time.time_ns() - attempt.started_ns) / 1e6 - (climbed.answer.queue_ms or 0.0)
    cost = live.prices.cost(outcome.target, usage, max(0.0, compute_ms))
    last = replace(
        attempt,
        status="ok" if outcome.status == "ok" else "cancelled" if outcome.status == "cancelled" else "failed",
        ended_ns=time.time_ns(),
        error=outcome.error_code,
        usage=usage,
        cost_usd=cost,
    )
    return replace(
        outcome,
        attempts=(*climbed.attempts[:-1], last),
        usage=usage,
        cost_usd=cost,
        counterfactual_usd=live.prices.counterfactual(usage),
    )


def _estimate(outcome: Outcome, kept: list[Delta]) -> Usage:
    """Tokens by length, about four characters each, when the target reported none."""
    prompt = outcome.signals.tokens if outcome.signals else 0
    return Usage(prompt, sum(len(delta.text) for delta in kept) // 4, estimated=True)


def failed(outcome: Outcome, error: GatewayError) -> Outcome:
    """The outcome of a call that ends with `error` before its first byte."""
    return replace(
        outcome,
        status="error",
        error_code=error.code,
        http_status=error.http_status,
        attempts=error.attempts,
    )
