"""The limit on calls at once and the queue in front of it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.config import ConcurrencySpec
from gateway.execute.slots import NoSlotError, Slots


def slots(limit: int = 1, queue: int = 2, wait_s: float = 5.0) -> Slots:
    return Slots(ConcurrencySpec(limit=limit, queue=queue, wait_s=wait_s))


async def test_slots_pass_to_those_who_wait_in_order() -> None:
    """Whoever comes while others wait does not overtake them."""
    some = slots()
    assert some.take()
    got: list[int] = []

    async def waits(number: int) -> None:
        await some.wait(5)
        got.append(number)

    tasks = [asyncio.create_task(waits(number)) for number in range(2)]
    await asyncio.sleep(0)
    assert not some.take()
    some.give_back()
    await tasks[0]
    assert (got, some.in_use) == ([0], 1)
    some.give_back()
    await tasks[1]
    some.give_back()
    assert (got, some.in_use, some.waiting) == ([0, 1], 0, 0)


async def test_a_full_queue_turns_away_at_once() -> None:
    """Memory is bounded, and so is the time that a caller loses."""
    some = slots(queue=0)
    some.take()
    with pytest.raises(NoSlotError, match="1 calls under way and 0 waiting"):
        await some.wait(5)


async def test_nobody_waits_longer_than_the_limit() -> None:
    """Neither the queue's own nor the attempt's."""
    for some, longest_s in ((slots(wait_s=0.02), 5.0), (slots(wait_s=5.0), 0.02)):
        some.take()
        with pytest.raises(NoSlotError, match=r"within 0\.02 s"):
            await some.wait(longest_s)
        assert some.waiting == 0


async def test_who_stops_waiting_loses_no_slot() -> None:
    """Also when the slot was passed on in the same moment."""
    some = slots()
    some.take()
    leaves = asyncio.create_task(some.wait(5))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    assert (some.in_use, some.waiting) == (1, 0)
    leaves = asyncio.create_task(some.wait(5))
    await asyncio.sleep(0)
    some.give_back()
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    assert (some.in_use, some.waiting) == (0, 0)
