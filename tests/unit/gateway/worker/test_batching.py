"""Dynamic batching: order, bounds, cancellation, failures."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from gateway.worker.batching import Batcher
from gateway.worker.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Sequence


class Doubler:
    """Doubles numbers, remembers its batches, and can be held up."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        """Return twice each item, once `go` is set; a negative item fails the batch."""
        self.batches.append(list(items))
        assert self.go.wait(5)
        if min(items) < 0:
            raise ValueError("negative")
        return [2 * item for item in items]


async def until(doubler: Doubler, batches: int) -> None:
    """Wait until so many batches have begun."""
    while len(doubler.batches) < batches:  # noqa: ASYNC110 - the batches begin on another thread
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [1, 7, 32, 33, 200])
async def test_each_caller_gets_the_result_of_its_own_item(count: int) -> None:
    """However items are batched, results go back to the callers they belong to, in bounded batches."""
    doubler = Doubler()
    batcher = Batcher(doubler)
    results = await asyncio.gather(*(batcher.submit(item) for item in range(count)))
    assert [done.result for done in results] == [2 * item for item in range(count)]
    assert max(map(len, doubler.batches)) <= 32
    assert [item for batch in doubler.batches for item in batch] == list(range(count))
    await batcher.close()


async def test_items_that_arrive_during_a_computation_form_the_next_batch() -> None:
    """Waiting items are computed together, not one by one, and know how long they waited."""
    doubler = Doubler(held=True)
    batcher = Batcher(doubler)
    first = asyncio.create_task(batcher.submit(0))
    await until(doubler, 1)
    rest = [asyncio.create_task(batcher.submit(item)) for item in range(1, 6)]
    await asyncio.sleep(0.02)
    doubler.go.set()
    waited = [(await task).queue_s for task in rest]
    assert doubler.batches == [[0], [1, 2, 3, 4, 5]]
    assert min(waited) >= 0.015
    assert (await first).queue_s < 0.015
    await batcher.close()


async def test_item_beyond_the_bound_is_refused_at_once() -> None:
    """A full queue answers Overloaded with a time to come back; what was accepted is still answered."""
    doubler = Doubler(held=True)
    batcher = Batcher(doubler, max_queue=3)
    running = asyncio.create_task(batcher.submit(0))
    await until(doubler, 1)
    queued = [asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await batcher.submit(4)
    assert refused.value.retry_after_s
    doubler.go.set()
    assert [(await task).result for task in [running, *queued]] == [0, 2, 4, 6]
    await batcher.close()


async def test_cancelled_item_is_not_computed_and_frees_its_place() -> None:
    """A caller that has gone costs no computation, and another can take its place at once."""
    doubler = Doubler(held=True)
    batcher = Batcher(doubler, max_queue=2)
    running = asyncio.create_task(batcher.submit(0))
    await until(doubler, 1)
    leaving, staying = (asyncio.create_task(batcher.submit(item)) for item in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    late = asyncio.create_task(batcher.submit(3))
    await asyncio.sleep(0)
    doubler.go.set()
    assert [(await task).result for task in (running, staying, late)] == [0, 4, 6]
    assert doubler.batches == [[0], [2, 3]]
    await batcher.close()


async def test_failed_batch_fails_its_callers_and_no_others() -> None:
    """What the computation raises reaches each caller of that batch; the next batch works."""
    doubler = Doubler()
    batcher = Batcher(doubler)
    failed = await asyncio.gather(batcher.submit(-1), batcher.submit(1), return_exceptions=True)
    assert [type(error) for error in failed] == [ValueError, ValueError]
    assert (await batcher.submit(4)).result == 8
    await batcher.close()


async def test_closing_cancels_who_still_waits() -> None:
    """No caller is left hanging when the batcher closes."""
    doubler = Doubler(held=True)
    batcher = Batcher(doubler)
    running = asyncio.create_task(batcher.submit(0))
    await until(doubler, 1)
    waiting = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    await batcher.close()
    doubler.go.set()
    await asyncio.wait([running, waiting], timeout=1)
    assert running.cancelled()
    assert waiting.cancelled()
