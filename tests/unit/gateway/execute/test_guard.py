"""What an endpoint's guard lets through, and what it learns from how calls end."""

from __future__ import annotations

import pytest

from gateway.config import BreakerSpec, ConcurrencySpec
from gateway.errors import (
    BadCompletion,
    CircuitOpen,
    NotCapable,
    TargetBusy,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.execute.catalogue import Endpoint
from gateway.execute.guard import Guard, Guards, Unwatched
from tests.unit.gateway.execute.test_breaker import Clock

ENDPOINT = Endpoint(
    "openai",
    "vllm",
    "qwen",
    breaker=BreakerSpec(min_calls=2, timeouts=2),
    concurrency=ConcurrencySpec(limit=2, queue=0),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard(ENDPOINT, Unwatched(), clock)


async def fails(guard: Guard, error: object) -> None:
    lease = await guard.admit(5)
    lease.failed(error)  # type: ignore[arg-type]
    lease.give_back()


@pytest.mark.parametrize("error", [UpstreamUnavailable("x"), BadCompletion("x"), UpstreamTimeout("x")])
async def test_what_speaks_against_the_endpoint_opens_its_circuit(guard: Guard, error: Exception) -> None:
    """The next call is not sent, and says when to come back."""
    await fails(guard, error)
    await fails(guard, error)
    with pytest.raises(CircuitOpen) as raised:
        await guard.admit(5)
    assert raised.value.retry_after_s is not None and raised.value.sent is False
    assert guard.slots.in_use == 0


@pytest.mark.parametrize("error", [NotCapable("x"), UpstreamRejected("x", upstream_status=400)])
async def test_what_concerns_the_request_alone_does_not(guard: Guard, error: Exception) -> None:
    """Somebody is there and answers."""
    for _ in range(5):
        await fails(guard, error)
    assert guard.well


async def test_an_answer_that_breaks_off_counts_against_the_endpoint(guard: Guard) -> None:
    """Though it began well."""
    for _ in range(2):
        lease = await guard.admit(5)
        lease.succeeded()
        lease.failed(BadCompletion("cut"))
        lease.give_back()
    assert guard.breaker.state == "open"


async def test_retry_after_holds_off_everybody(guard: Guard, clock: Clock) -> None:
    """As a rate limit that says how long it lasts yet; afterwards calls pass again."""
    await fails(guard, UpstreamRateLimited("x", upstream_status=429, retry_after_s=10))
    clock.now += 4
    with pytest.raises(UpstreamRateLimited) as raised:
        await guard.admit(5)
    assert raised.value.retry_after_s == pytest.approx(6)
    clock.now += 6
    (await guard.admit(5)).give_back()


async def test_an_absurd_retry_after_holds_off_for_a_minute(guard: Guard, clock: Clock) -> None:
    """One bad header must not take a target out for an hour."""
    await fails(guard, UpstreamRateLimited("x", upstream_status=429, retry_after_s=3600))
    clock.now += 60
    assert guard.well


async def test_a_full_endpoint_turns_away(guard: Guard) -> None:
    """And lets in again once a lease is given back, which counts once."""
    first, _ = await guard.admit(5), await guard.admit(5)
    with pytest.raises(TargetBusy) as raised:
        await guard.admit(5)
    assert raised.value.retry_after_s == 1
    first.give_back()
    first.give_back()
    assert guard.slots.in_use == 1
    await guard.admit(5)


async def test_a_probe_whose_client_leaves_is_forgotten(guard: Guard, clock: Clock) -> None:
    """Else the endpoint would never be called again."""
    await fails(guard, UpstreamUnavailable("x"))
    await fails(guard, UpstreamUnavailable("x"))
    clock.now += 10
    (await guard.admit(5)).give_back()
    (await guard.admit(5)).give_back()


async def test_a_lease_drops_the_call_behind_it(guard: Guard) -> None:
    """Once, with what it held."""
    dropped: list[str] = []
    lease = await guard.admit(5)
    lease.behind = lambda: dropped.append("call")
    lease.abandon()
    assert (dropped, guard.slots.in_use) == (["call"], 0)


def test_the_guard_of_an_endpoint_outlives_a_policy() -> None:
    """An endpoint resolved anew has the state of before, and another deployment its own."""
    guards = Guards()
    again = Endpoint("openai", "vllm", "qwen")
    other = Endpoint("openai", "vllm", "qwen", deployment="b")
    assert guards.of(ENDPOINT) is guards.of(again)
    assert guards.of(other) is not guards.of(again)
    assert set(guards.state()) == {"vllm/qwen", "vllm/qwen#b"}
