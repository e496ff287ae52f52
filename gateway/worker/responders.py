"""The two kinds of model behind one door: each takes a chat request and gives the pieces of its answer."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gateway.errors import InvalidRequest
from gateway.worker.errors import ContextExceeded, Declines, GenerationBroke, Overloaded, ShuttingDown
from policies.decision import TASK_PREFIX
from routers.specialists.base import Declined
from routers.specialists.contract import read_task
from routers.specialists.extraction import read_extraction
from routers.specialists.language import (
    GenerationFailed,
    InvalidGeneration,
    Piece,
    PromptTooLong,
    Usage,
    read_generation,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from gateway.worker.batching import Batched
    from routers.specialists.base import Prediction
    from routers.specialists.language import Generation, LanguageModel
    from routers.specialists.registry import SpecialistCard
    from routers.specialists.tokens import Entities

MAX_CHOICES = 16
_SHUTTING_DOWN = "The worker is shutting down; try again shortly."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has begun: its pieces, and what was known when the first of them was there."""

    pieces: AsyncGenerator[Piece, None]
    """Close it to stop the model."""
    queue_s: float
    started: float
    """`time.perf_counter()` when computing began."""
    compute_s: float | None = None
    """Set when the whole answer was computed at once; else it takes as long as `pieces` does."""
    confidence: float | None = None
    """Calibrated probability that the answer is right, times that the request was read right."""


class Responder(Protocol):
    """A loaded model that answers chat requests."""

    async def answer(self, body: Mapping[str, Any]) -> Answer:
        """Begin an answer; returns once its first piece is there. Raises a GatewayError before that."""
        ...

    def interrupt(self) -> None:
        """End what is running and what waits with ShuttingDown, within about one token."""
        ...


class SpecialistResponder:
    """A text classifier that answers in the words the caller asked for, or declines."""

    def __init__(
        self, card: SpecialistCard, classify: Callable[[str], Awaitable[Batched[Prediction]]]
    ) -> None:
        """`classify` gives the prediction for one text; it may gather several texts into one batch."""
        self._card, self._classify = card, classify

    async def answer(self, body: Mapping[str, Any]) -> Answer:
        """Classify the request's text; raises Declines when it is not this specialist's task."""
        choices = _choices(body.get("n"))
        named = str(body.get("model", "")).startswith(TASK_PREFIX)
        task = read_task(body, self._card, named=named)
        if isinstance(task, Declined):
            raise Declines(f"`{self._card.name}` declines: {task.reason}.")
        done = await self._classify(task.payload)
        text = task.words.get(done.result.label)
        if text is None:
            raise Declines(f"`{self._card.name}` declines: the text fits none of the labels that are listed.")
        return _answer(done, text, choices, task.confidence)

    def interrupt(self) -> None:
        """Nothing runs for long: a batch ends by itself."""


class EntityResponder:
    """A specialist for entities: fills the schema or writes the list that the caller asked for, or declines."""

    def __init__(self, card: SpecialistCard, find: Callable[[str], Awaitable[Batched[Entities]]]) -> None:
        """`find` gives the entities of one text."""
        self._card, self._find = card, find

    async def answer(self, body: Mapping[str, Any]) -> Answer:
        """Find the request's entities; raises Declines when that is not asked, or nothing was found to list."""
        choices = _choices(body.get("n"))
        named = str(body.get("model", "")).startswith(TASK_PREFIX)
        task = read_extraction(body, self._card, named=named)
        if isinstance(task, Declined):
            raise Declines(f"`{self._card.name}` declines: {task.reason}.")
        done = await self._find(task.payload)
        if done.result.truncated:
            raise Declines(f"`{self._card.name}` declines: the text is longer than it reads.")
        wanted = [entity for entity in done.result.found if entity.span.label in task.labels]
        text = task.form.write(wanted, task.payload)
        if not text:
            raise Declines(f"`{self._card.name}` declines: it found nothing to list.")
        return _answer(done, text, choices, task.confidence)

    def interrupt(self) -> None:
        """Nothing runs for long: a batch ends by itself."""


def _choices(n: object) -> int:
    if n is None:
        return 1
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_CHOICES:
        raise InvalidRequest(f"`n` must be a whole number from 1 to {MAX_CHOICES}.", param="n")
    return n


def _answer(
    done: Batched[Prediction] | Batched[Entities], text: str, choices: int, reading_confidence: float
) -> Answer:
    """What a specialist says, `choices` times; as sure as it is and as the reading of the request was."""
    # A specialist writes no tokens; four characters a token is the usual estimate.
    usage = Usage(done.result.tokens, choices * max(1, -(-len(text) // 4)))
    return Answer(
        pieces=_at_once(text, choices, usage),
        queue_s=done.queue_s,
        started=time.perf_counter() - done.compute_s,
        compute_s=done.compute_s,
        confidence=done.result.confidence * reading_confidence,
    )


async def _at_once(text: str, choices: int, usage: Usage) -> AsyncGenerator[Piece, None]:
    for index in range(choices):
        yield Piece(text, index=index)
        yield Piece(finish_reason="stop", index=index)
    yield Piece(usage=usage)


class LanguageResponder:
    """A language model that runs up to its number of slots at once; the rest wait in a bounded queue."""

    def __init__(self, name: str, model: LanguageModel, *, max_queue: int = 16) -> None:
        self._name, self._model, self._max_queue = name, model, max_queue
        self._free = asyncio.Semaphore(model.slots)
        self._threads = ThreadPoolExecutor(model.slots, thread_name_prefix="generate")
        self._stops: set[threading.Event] = set()
        self._waiting = 0
        self._interrupted = False

    async def answer(self, body: Mapping[str, Any]) -> Answer:
        """Begin to generate; closing the returned pieces stops the model within one token."""
        try:
            generation = read_generation(body, structured=self._model.structured)
        except InvalidGeneration as error:
            raise InvalidRequest(str(error), param=error.param) from None
        if isinstance(generation, Declined):
            raise Declines(f"`{self._name}` declines: {generation.reason}.")
        arrived = time.perf_counter()
        await self._take_slot()
        started = time.perf_counter()
        pieces = self._generate(generation)
        try:
            first = await anext(pieces)
        except StopAsyncIteration:
            raise GenerationBroke("The model ended without an answer.") from None
        return Answer(_chain(first, pieces), queue_s=started - arrived, started=started)

    def interrupt(self) -> None:
        """Stop all running generations at their next token; who waits is turned away."""
        self._interrupted = True
        for stop in self._stops:
            stop.set()

    async def _take_slot(self) -> None:
        if self._free.locked() and self._waiting >= self._max_queue:
            raise Overloaded(
                f"{self._waiting} requests are waiting for `{self._name}`; try again shortly.",
                retry_after_s=2,
            )
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        if self._interrupted:
            self._free.release()
            raise ShuttingDown(_SHUTTING_DOWN)

    async def _generate(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Run the blocking model on a thread; the slot is free again when that thread has really ended."""
        loop = asyncio.get_running_loop()
        arriving: asyncio.Queue[Piece | None] = asyncio.Queue()
        stop = threading.Event()

        def emit(piece: Piece) -> bool:
            loop.call_soon_threadsafe(arriving.put_nowait, piece)
            return stop.is_set()

        def ended(job: asyncio.Future[None]) -> None:
            self._stops.discard(stop)
            self._free.release()
            if not job.cancelled():
                job.exception()  # marks it as seen: nobody awaits the job of a caller that has gone
            arriving.put_nowait(None)

        self._stops.add(stop)
        job = loop.run_in_executor(self._threads, self._model.complete, generation, emit)
        job.add_done_callback(ended)
        try:
            while (piece := await arriving.get()) is not None:
                yield piece
            _raise_in_words(job)
            if self._interrupted:
                raise ShuttingDown(_SHUTTING_DOWN)
        finally:
            stop.set()


def _raise_in_words(job: asyncio.Future[None]) -> None:
    try:
        job.result()
    except PromptTooLong as error:
        raise ContextExceeded(str(error), param="messages") from None
    except InvalidGeneration as error:
        raise InvalidRequest(str(error), param=error.param) from None
    except (GenerationFailed, asyncio.CancelledError) as error:
        raise GenerationBroke("The model broke off in the middle of its answer.") from error


async def _chain(first: Piece, rest: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece
