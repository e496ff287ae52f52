"""Dynamic batching: single items in, one blocking call for many of them, single results out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from gateway.worker.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Batched(Generic[Result]):
    """One result, how long its item waited, and how long the batch it was in took to compute."""

    result: Result
    queue_s: float
    compute_s: float


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Batched[Result]]
    since: float


class Batcher(Generic[Item, Result]):
    """Gathers items that arrive together and computes them in one call on one thread.

    An item that comes alone is computed at once. While requests overlap, a batch that is not full waits up to
    `max_wait_s` for the callers that were just answered to come back. At most `max_queue` items wait; a cancelled
    item is dropped before it is computed.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_batch: int = 32,
        max_wait_s: float = 0.003,
        max_queue: int = 256,
    ) -> None:
        """`compute` takes at most `max_batch` items, blocks, and returns one result for each, in order."""
        self._compute = compute
        self._max_batch, self._max_wait_s, self._max_queue = max_batch, max_wait_s, max_queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._arrived = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._last_compute_s = 0.05

    async def submit(self, item: Item) -> Batched[Result]:
        """Return the result for one item; raises Overloaded when too many wait, and what `compute` raised."""
        if len(self._queue) >= self._max_queue:
            raise Overloaded(
                f"{len(self._queue)} requests are waiting for this model; try again shortly.",
                retry_after_s=self._last_compute_s * self._max_queue / self._max_batch,
            )
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="batcher")
        waiting = _Waiting[Item, Result](
            item, asyncio.get_running_loop().create_future(), time.perf_counter()
        )
        self._queue.append(waiting)
        self._arrived.set()
        try:
            return await waiting.answer
        finally:
            if waiting.answer.cancelled() and waiting in self._queue:
                self._queue.remove(waiting)  # frees its place for the bound at once

    async def close(self) -> None:
        """Stop computing; items that still wait are cancelled."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        for waiting in self._queue:
            waiting.answer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        previous = 1
        while True:
            await self._arrived.wait()
            if previous > 1 and len(self._queue) < min(previous, self._max_batch):
                await asyncio.sleep(self._max_wait_s)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
            if not self._queue:
                self._arrived.clear()
            if batch:
                await self._answer(batch)
            previous = len(batch) or 1

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(
                self._thread, self._compute, [waiting.item for waiting in batch]
            )
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever the model raises belongs to the callers of this batch
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        self._last_compute_s = time.perf_counter() - started
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(Batched(result, started - waiting.since, self._last_compute_s))
