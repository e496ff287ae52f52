"""What a call took: time to its first byte, tokens, and money."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.attempt import cost_usd
from gateway.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.climb import Climbed
    from gateway.errors import GatewayError
    from gateway.live import LivePolicy
    from gateway.types import Attempt, Delta, Outcome


def first_byte(outcome: Outcome, *, waited_ns: int) -> Outcome:
    """The outcome as its first byte is at hand; `waited_ns` went to waiting for targets."""
    elapsed = time.time_ns() - outcome.call.received_ns
    return replace(outcome, first_byte_ms=elapsed / 1e6, overhead_ms=max(0, elapsed - waited_ns) / 1e6)


def settled(outcome: Outcome, kept: list[Delta], climbed: Climbed, live: LivePolicy) -> Outcome:
    """The outcome with tokens and money, also for an answer that broke off or was not wanted any more.

    Tokens are those of the answer; money is that of every attempt, earlier stages and cancelled hedges included.
    """
    usage = next((delta.usage for delta in reversed(kept) if delta.usage), None) or _estimate(outcome, kept)
    attempt = climbed.attempts[-1]
    cost = cost_usd(climbed.answer, attempt, usage, live.prices)
    last = replace(
        attempt,
        status="ok" if outcome.status == "ok" else "cancelled" if outcome.status == "cancelled" else "failed",
        ended_ns=time.time_ns(),
        error=outcome.error_code,
        usage=usage,
        cost_usd=cost,
    )
    before = _priced(outcome, climbed.attempts[:-1], live)
    return replace(
        outcome,
        attempts=(*before, last),
        usage=usage,
        cost_usd=None if cost is None else cost + _known_usd(before),
        counterfactual_usd=live.prices.counterfactual(usage),
    )


def abandoned(outcome: Outcome, history: list[Attempt], live: LivePolicy) -> Outcome:
    """The outcome of a call that the client left before its first byte, with what its attempts are likely to cost."""
    attempts = _priced(outcome, history, live)
    priced = any(attempt.cost_usd is not None for attempt in attempts)
    return replace(
        outcome,
        status="cancelled",
        http_status=499,
        attempts=attempts,
        target=attempts[-1].target if attempts else "",
        cost_usd=_known_usd(attempts) if priced else None,
    )


def expected(outcome: Outcome, live: LivePolicy) -> Mapping[str, float]:
    """Target -> USD that the request is expected to cost there; a target of unknown price is absent."""
    tokens = outcome.signals.tokens if outcome.signals else 0
    return live.prices.expected(tokens, outcome.call.max_output_tokens)


def with_and_without_hedge(outcome: Outcome) -> tuple[float, float]:
    """USD of the attempt that answered, and of those that were cancelled beside it."""
    cancelled = tuple(attempt for attempt in outcome.attempts[:-1] if attempt.status == "cancelled")
    return outcome.attempts[-1].cost_usd or 0.0, _known_usd(cancelled)


def _priced(outcome: Outcome, attempts: Sequence[Attempt], live: LivePolicy) -> tuple[Attempt, ...]:
    """The attempts, with a price for those that were cancelled: a target that began is likely to bill the prompt."""
    return tuple([_broken_off(outcome, attempt, live) for attempt in attempts])


def _broken_off(outcome: Outcome, attempt: Attempt, live: LivePolicy) -> Attempt:
    if attempt.status != "cancelled" or attempt.cost_usd is not None:
        return attempt
    usage = _estimate(outcome, [])
    elapsed_ms = (attempt.ended_ns - attempt.started_ns) / 1e6
    return replace(attempt, usage=usage, cost_usd=live.prices.cost(attempt.target, usage, elapsed_ms))


def _known_usd(attempts: Sequence[Attempt]) -> float:
    return sum(attempt.cost_usd or 0.0 for attempt in attempts)


def _estimate(outcome: Outcome, kept: list[Delta]) -> Usage:
    """Tokens by length, about four characters each, when the target reported none."""
    prompt = outcome.signals.tokens if outcome.signals else 0
    return Usage(prompt, sum(len(delta.text) for delta in kept) // 4, estimated=True)


def failed(outcome: Outcome, error: GatewayError, live: LivePolicy) -> Outcome:
    """The outcome of a call that ends with `error` before its first byte, with what its attempts are likely to cost."""
    attempts = _priced(outcome, error.attempts, live)
    priced = any(attempt.cost_usd is not None for attempt in attempts)
    return replace(
        outcome,
        status="error",
        error_code=error.code,
        http_status=error.http_status,
        attempts=attempts,
        cost_usd=_known_usd(attempts) if priced else None,
    )
