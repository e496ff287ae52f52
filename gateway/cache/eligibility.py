"""What may be read from and written to the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.types import CacheDirective, Call
    from policies.decision import Decision


def may_read(call: Call) -> bool:
    """Whether an answer given earlier may serve this call."""
    return call.cache.read


def may_store(call: Call, decision: Decision, finish_reason: str | None, *, calls_tools: bool) -> bool:
    """Whether this answer may serve later calls.

    Kept are whole answers that ended by themselves. Never: truncated or filtered ones, tool calls, answers drawn
    at random unless the policy allows it, and stand-ins for a missing upstream.
    """
    plan = decision.plan
    if not (call.cache.store and plan.cache.exact) or plan.degraded is not None:
        return False
    if call.sampled and not plan.cache.sampled:
        return False
    return finish_reason == "stop" and not calls_tools


def ttl_s(decision: Decision, directive: CacheDirective) -> float:
    """How long to keep: the policy's time, or the client's `max-age` when that is shorter."""
    wanted = decision.plan.cache.ttl_s
    return wanted if directive.max_age_s is None else min(wanted, directive.max_age_s)


def parse_cache_control(value: str | None) -> tuple[bool, bool, float | None]:
    """`(read, store, max_age_s)` from a `Cache-Control` request header (RFC 9111, section 5.2.1)."""
    read, store, max_age = True, True, None
    for directive in (value or "").lower().split(","):
        name, _, argument = directive.strip().partition("=")
        if name == "no-cache":
            read = False
        elif name == "no-store":
            read = store = False
        elif name == "max-age" and argument.strip('"').isdecimal():
            max_age = float(argument.strip('"'))
            read = read and max_age > 0
    return read, store, max_age
