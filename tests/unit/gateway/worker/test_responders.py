"""Models behind one door: slots, queue, cancellation, declining."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import InvalidRequest
from gateway.worker.batching import Batched
from gateway.worker.errors import ContextExceeded, Declines, GenerationBroke, Overloaded, ShuttingDown
from gateway.worker.responders import LanguageResponder, SpecialistResponder
from routers.specialists.base import Prediction, Task
from routers.specialists.contract import read_task
from routers.specialists.language import GenerationFailed, Piece, PromptTooLong, Usage
from routers.specialists.registry import SpecialistCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.worker.responders import Answer
    from routers.specialists.language import Generation

ASK = {"messages": [{"role": "user", "content": "Hello"}]}
CARD = SpecialistCard(
    format=1,
    name="mood",
    kind="text-classification",
    description="sentiment of a text",
    labels=("negative", "positive"),
    base="tiny",
    base_sha256="0" * 64,
    licence="Apache-2.0",
    temperature=1.0,
    words={"negative": ("negative",), "positive": ("positive",)},
    subjects=("sentiment",),
)
CLASSIFY = (
    "Is the sentiment of this review positive or negative? Answer with one word.\n\nReview: The plot drags."
)


class Counter:
    """A language model that counts aloud until it is stopped, paced by `tick`."""

    structured = True

    def __init__(self, slots: int = 1, *, paced: bool = False, fails: Exception | None = None) -> None:
        self.slots, self._paced, self._fails = slots, paced, fails
        self.tick = threading.Semaphore(0)
        self.running = self.most = 0

    def complete(self, generation: Generation, emit: Callable[[Piece], bool]) -> None:
        """Emit the numbers from 1 to `max_tokens`."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for number in range(1, generation.max_tokens + 1):
                if self._paced:
                    assert self.tick.acquire(timeout=5)
                if self._fails and number == 2:
                    raise self._fails
                if emit(Piece(f"{number} ")):
                    return
            emit(Piece(finish_reason="length"))
            emit(Piece(usage=Usage(1, generation.max_tokens)))
        finally:
            self.running -= 1


async def text_of(answer: Answer) -> str:
    """The whole text of an answer."""
    return "".join([piece.text async for piece in answer.pieces])


async def test_pieces_arrive_while_the_model_still_runs() -> None:
    """An answer begins with its first piece, not with its last."""
    model = Counter(paced=True)
    model.tick.release()
    answer = await LanguageResponder("count", model).answer({**ASK, "max_tokens": 2})
    assert (await anext(answer.pieces)).text == "1 "
    assert model.running == 1
    model.tick.release(5)
    assert await text_of(answer) == "2 "


async def test_no_more_answers_at_once_than_slots() -> None:
    """Requests beyond the slots wait for one, and all are answered."""
    model = Counter(slots=2)
    responder = LanguageResponder("count", model)

    async def ask() -> str:
        return await text_of(await responder.answer({**ASK, "max_tokens": 50}))

    assert len(set(await asyncio.gather(*(ask() for _ in range(8))))) == 1
    assert model.most <= 2


async def test_full_queue_is_refused() -> None:
    """With all slots taken and the queue full, a request is turned away with a time to come back."""
    model = Counter(paced=True)
    responder = LanguageResponder("count", model, max_queue=1)
    ask = {**ASK, "max_tokens": 1}
    first, second = (asyncio.create_task(responder.answer(ask)) for _ in range(2))
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded) as refused:
        await responder.answer(ask)
    assert refused.value.retry_after_s
    model.tick.release(2)
    for task in (first, second):
        assert await text_of(await task) == "1 "


async def test_waiting_caller_that_leaves_frees_its_place() -> None:
    """A cancelled wait neither starts the model nor keeps a place in the queue."""
    model = Counter(paced=True)
    responder = LanguageResponder("count", model, max_queue=1)
    ask = {**ASK, "max_tokens": 1}
    first, leaving = (asyncio.create_task(responder.answer(ask)) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.wait([leaving])
    late = asyncio.create_task(responder.answer(ask))
    model.tick.release(2)
    assert [await text_of(await task) for task in (first, late)] == ["1 ", "1 "]


@pytest.mark.parametrize("after_first_piece", [True, False])
async def test_caller_that_leaves_stops_the_model(after_first_piece: bool) -> None:
    """A cancelled request or a closed stream ends the generation at its next token and frees the slot."""
    model = Counter(paced=True)
    responder = LanguageResponder("count", model)
    task = asyncio.create_task(responder.answer({**ASK, "max_tokens": 1000}))
    await asyncio.sleep(0.01)
    if after_first_piece:
        model.tick.release()
        answer = await task
        await anext(answer.pieces)
        await answer.pieces.aclose()
    else:
        task.cancel()
        await asyncio.wait([task])
    model.tick.release(3)
    follower = await asyncio.wait_for(responder.answer({**ASK, "max_tokens": 1}), 2)
    assert model.most == 1
    model.tick.release()
    assert await text_of(follower) == "1 "


async def test_interruption_ends_running_and_waiting_answers() -> None:
    """A process that stops ends long answers with an error, and does not begin those that wait."""
    model = Counter(paced=True)
    responder = LanguageResponder("count", model)
    model.tick.release()
    answer = await responder.answer({**ASK, "max_tokens": 1000})
    waiting = asyncio.create_task(responder.answer(ASK))
    await asyncio.sleep(0.01)
    responder.interrupt()
    model.tick.release(2)
    for ended in (text_of(answer), waiting):
        with pytest.raises(ShuttingDown):
            await asyncio.wait_for(ended, 2)
    assert model.most == 1


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (PromptTooLong("The prompt has 9 tokens."), ContextExceeded),
        (GenerationFailed("secret path"), GenerationBroke),
    ],
)
async def test_failures_are_told_in_the_gateways_words(raised: Exception, seen: type[Exception]) -> None:
    """What a runtime raises becomes an error with a status; internals stay inside."""
    answer = await LanguageResponder("count", Counter(fails=raised)).answer(ASK)
    with pytest.raises(seen) as error:
        await text_of(answer)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"tools": [{"type": "function"}]}, "offers tools"),
        ({"n": 2}, "more than one choice"),
        ({"logprobs": True}, "log-probabilities"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "not text"),
    ],
)
async def test_language_model_declines_what_it_cannot_do(extra: dict[str, Any], reason: str) -> None:
    """Requests beyond a small local model are declined with the reason, so that the plan goes on."""
    with pytest.raises(Declines, match=reason):
        await LanguageResponder("count", Counter()).answer({**ASK, **extra})


@pytest.mark.parametrize(
    "extra", [{"temperature": 3}, {"max_tokens": 0}, {"stop": ["x"] * 5}, {"top_p": "a"}]
)
async def test_wrong_values_name_their_field(extra: dict[str, Any]) -> None:
    """A value out of range is the caller's error and says which field."""
    with pytest.raises(InvalidRequest) as error:
        await LanguageResponder("count", Counter()).answer({**ASK, **extra})
    assert next(iter(extra)) in str(error.value)


async def classify(text: str) -> Batched[Prediction]:
    """A classifier that finds everything negative."""
    return Batched(
        Prediction("negative", 0.9, {"negative": 0.9, "positive": 0.1}, len(text.split())), 0.002, 0.01
    )


async def test_specialist_answers_in_the_callers_words() -> None:
    """The label comes back as the caller spelled it, with times, usage, and the confidence of both readings."""
    content = CLASSIFY.replace("positive or negative", "POSITIVE or NEGATIVE")
    body = {"messages": [{"role": "user", "content": content}]}
    answer = await SpecialistResponder(CARD, classify).answer(body)
    pieces = [piece async for piece in answer.pieces]
    assert "".join(piece.text for piece in pieces) == "NEGATIVE"
    assert pieces[-1].usage == Usage(3, 2)
    task = read_task(body, CARD)
    assert isinstance(task, Task)
    assert task.confidence < 1
    assert answer.confidence == pytest.approx(0.9 * task.confidence)
    assert (answer.queue_s, answer.compute_s) == (0.002, 0.01)


async def test_specialist_repeats_its_answer_for_each_choice() -> None:
    """A classifier has one opinion: `n` choices are the same answer `n` times."""
    ask = {"messages": [{"role": "user", "content": CLASSIFY}], "n": 3}
    pieces = [piece async for piece in (await SpecialistResponder(CARD, classify).answer(ask)).pieces]
    assert {(piece.index, piece.text) for piece in pieces if piece.text} == {
        (i, "negative") for i in range(3)
    }


@pytest.mark.parametrize("n", [0, 17, "2", True])
async def test_impossible_number_of_choices_is_refused(n: object) -> None:
    """`n` must be a small whole number."""
    with pytest.raises(InvalidRequest, match="`n`"):
        await SpecialistResponder(CARD, classify).answer(
            {"messages": [{"role": "user", "content": CLASSIFY}], "n": n}
        )


async def test_specialist_declines_other_tasks() -> None:
    """A request that is not the specialist's task is declined by name and reason."""
    with pytest.raises(Declines, match="`mood` declines"):
        await SpecialistResponder(CARD, classify).answer(
            {"messages": [{"role": "user", "content": "Write a poem about trains."}]}
        )
