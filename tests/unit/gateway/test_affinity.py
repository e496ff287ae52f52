"""Who answered whom: in one process, over Redis, and while Redis is away."""

from __future__ import annotations

import os
import signal

import pytest

from gateway.affinity import Affinity, unit_of
from gateway.cache.redis import sticky_store
from gateway.types import Caller
from policies.decision import Sticky
from tests.unit.gateway.build import call

SESSION = Sticky("session", "agent", 60.0)


def turn(session: str = "s-1"):
    """One request of a session."""
    return call({"metadata": {"session_id": session}})


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_session_is_remembered_until_its_time_is_over():
    """By rule and session; each answer begins the time anew."""
    clock = Clock()
    known = Affinity(clock=clock)
    known.keep(turn(), SESSION, "main")
    clock.now += 50
    known.keep(turn(), SESSION, "alternate")
    clock.now += 50
    assert await known.settled(turn(), ["session"]) == {"session agent": "alternate"}
    assert await known.settled(turn("s-2"), ["session"]) == {}
    clock.now += 11
    assert await known.settled(turn(), ["session"]) == {}


async def test_nothing_is_remembered_without_a_session():
    """A request that names none is routed as without `sticky`; nor does a plan that is not sticky leave anything."""
    known = Affinity()
    known.keep(call(), SESSION, "main")
    known.keep(turn(), None, "main")
    assert unit_of(call(), "session") is None
    assert await known.settled(call(), ["session"]) == {}
    assert await known.settled(turn(), ["session"]) == {}


def test_a_unit_tells_nothing_and_belongs_to_its_tenant():
    """Redis gets digests; the same name under another key's tenant is another session."""
    assert "s-1" not in (unit_of(turn(), "session") or "")
    other = call({"metadata": {"session_id": "s-1"}}, caller=Caller(tenant="acme"))
    assert unit_of(other, "session") != unit_of(turn(), "session")


async def test_memory_is_bounded():
    """Sessions idle longest are forgotten first."""
    known = Affinity()
    for number in range(20_005):
        known.keep(turn(f"s{number}"), SESSION, "main")
    assert await known.settled(turn("s0"), ["session"]) == {}
    assert await known.settled(turn("s20004"), ["session"]) == {"session agent": "main"}


@pytest.fixture
async def two(own_redis):
    """Two gateways that share a Redis."""
    both = [Affinity(sticky_store(own_redis[0], 500.0)) for _ in range(2)]
    yield both
    for each in both:
        await each.close()


async def test_gateways_know_what_the_others_know_and_manage_alone(two, own_redis):
    """The other one knows at once; when Redis is gone each goes on with what it has seen."""
    one, other = two
    one.keep(turn(), SESSION, "main")
    await one.settled(turn(), ["session"])  # a round trip behind the write
    assert await other.settled(turn(), ["session"]) == {"session agent": "main"}
    os.kill(own_redis[1], signal.SIGKILL)
    other.keep(turn(), SESSION, "alternate")
    assert await other.settled(turn(), ["session"]) == {"session agent": "alternate"}


async def test_junk_in_redis_is_passed_over(own_redis):
    """Another program's value is as good as none."""
    store = sticky_store(own_redis[0], 500.0)
    known = Affinity(store)
    store.put(unit_of(turn(), "session"), b"\xff{", 60)
    await store.get("nothing")
    assert await known.settled(turn(), ["session"]) == {}
    await known.close()
