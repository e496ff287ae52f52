"""The choice among deployments of one model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from gateway.config import BreakerSpec, Upstream
from gateway.errors import UpstreamRateLimited, UpstreamUnavailable
from gateway.execute.catalogue import Catalogue, Endpoint
from gateway.execute.guard import Guards
from gateway.execute.pool import choose, has_another
from policies.model import Target
from tests.unit.gateway.execute.test_breaker import Clock


def pool(balance: str, *weights: float) -> Endpoint:
    one = Endpoint("openai", "gpt", "m", breaker=BreakerSpec(min_calls=1))
    parts = tuple(replace(one, deployment=f"d{n}", weight=weight) for n, weight in enumerate(weights))
    return replace(one, deployments=parts, balance=balance)  # type: ignore[arg-type]


def drawn(guards: Guards, endpoint: Endpoint, tried: tuple[str, ...] = ()) -> Counter[str]:
    return Counter(choose(guards, endpoint, tried).deployment for _ in range(1000))


async def call(
    guards: Guards, endpoint: Endpoint, clock: Clock, took_s: float, error: Exception | None = None
) -> None:
    lease = await guards.of(endpoint).admit(5)
    clock.now += took_s
    if error is None:
        lease.succeeded()
    else:
        lease.failed(error)  # type: ignore[arg-type]
    lease.give_back()


def test_weights_are_kept() -> None:
    """Three to one, within what chance allows in a thousand draws."""
    assert 680 < drawn(Guards(), pool("weighted", 3, 1))["d0"] < 820


async def test_the_least_busy_takes_the_next_call() -> None:
    """By weight: two of four calls are as busy as one of two."""
    guards, some = Guards(), pool("least-busy", 1, 1)
    held = await guards.of(some.deployments[0]).admit(5)
    assert drawn(guards, some) == {"d1": 1000}
    held.give_back()
    assert 400 < drawn(guards, some)["d0"] < 600


async def test_the_quicker_of_two_takes_the_next_call() -> None:
    """And the slower one again when the quicker has ten times as many calls under way."""
    clock = Clock()
    guards, some = Guards(clock=clock), pool("latency", 1, 1)
    await call(guards, some.deployments[0], clock, 1.0)
    await call(guards, some.deployments[1], clock, 0.2)
    assert drawn(guards, some) == {"d1": 1000}
    for _ in range(10):
        await guards.of(some.deployments[1]).admit(5)
    assert drawn(guards, some) == {"d0": 1000}


async def test_latency_rises_at_once_and_falls_slowly() -> None:
    """A peak is not averaged away by the quick calls before it, and is forgotten in tens of seconds."""
    clock = Clock()
    guards, one = Guards(clock=clock), pool("latency", 1, 1).deployments[0]
    for took_s in (0.1, 0.1, 3.0):
        await call(guards, one, clock, took_s)
    assert guards.of(one).latency_s == pytest.approx(3.0)
    await call(guards, one, clock, 0.1)
    assert guards.of(one).latency_s > 2.5
    clock.now += 60
    await call(guards, one, clock, 0.1)
    assert guards.of(one).latency_s < 0.2


async def test_a_quick_failure_draws_no_calls() -> None:
    """An endpoint that fails in a millisecond is not the quickest one."""
    clock = Clock()
    guards, some = Guards(clock=clock), pool("latency", 1, 1)
    limited = UpstreamRateLimited("x", upstream_status=429)
    await call(guards, some.deployments[0], clock, 0.001, limited)
    await call(guards, some.deployments[1], clock, 0.3)
    assert drawn(guards, some) == {"d1": 1000}


@pytest.mark.parametrize("balance", ["weighted", "least-busy", "latency"])
async def test_what_is_not_well_or_was_tried_is_passed_over(balance: str) -> None:
    """Unless nothing else is left: then its guard says why it is not called."""
    clock = Clock()
    guards, some = Guards(clock=clock), pool(balance, 1, 1, 1)
    await call(guards, some.deployments[0], clock, 0.1, UpstreamUnavailable("down"))
    assert set(drawn(guards, some)) == {"d1", "d2"}
    assert set(drawn(guards, some, ("d1",))) == {"d2"}
    assert has_another(guards, some, ("d1",)) and not has_another(guards, some, ("d1", "d2"))
    for one in some.deployments[1:]:
        await call(guards, one, clock, 0.1, UpstreamUnavailable("down"))
    assert set(drawn(guards, some)) <= {"d0", "d1", "d2"}


def test_an_endpoint_without_deployments_is_itself() -> None:
    """And there is no other."""
    one = Endpoint("openai", "gpt", "m")
    assert choose(Guards(), one, ()) is one and not has_another(Guards(), one, ())


def test_deployments_take_what_they_do_not_say_from_the_upstream() -> None:
    """One without its key is left out; without any key the target is not there, and says what to set."""
    upstream = Upstream.model_validate(
        {
            "url": "http://a/v1",
            "api_key_env": "KEY_A",
            "headers": {"x-team": "red"},
            "deployments": [
                {"id": "a", "weight": 3},
                {"id": "b", "url": "http://b/v1", "model": "gpt-b", "headers": {"x-region": "b"}},
                {"id": "c", "api_key_env": "KEY_C"},
            ],
        }
    )
    policy = type("P", (), {"targets": {"t": Target(kind="upstream", model="gpt/big")}})
    found, _ = Catalogue({"gpt": upstream}, {"KEY_A": "k"}).endpoints(policy)  # type: ignore[arg-type]
    parts = found["t"].deployments
    assert [(p.deployment, p.url, p.model, p.key, p.weight) for p in parts] == [
        ("a", "http://a/v1", "big", "k", 3),
        ("b", "http://b/v1", "gpt-b", "k", 1),
    ]
    assert parts[1].headers == {"x-team": "red", "x-region": "b"}
    assert (parts[1].name, found["t"].name) == ("gpt/gpt-b#b", "gpt/big")
    _, missing = Catalogue({"gpt": upstream}, {}).endpoints(policy)  # type: ignore[arg-type]
    assert missing == {"t": "set `KEY_A`"}
