"""Climbing a plan, with executors made for the test."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.attempt import Attempts, Route
from gateway.climb import Climber, without_offers
from gateway.errors import (
    BadCompletion,
    NotCapable,
    PlanExhausted,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from gateway.execute.catalogue import Endpoint
from gateway.telemetry.setup import Tracing
from gateway.telemetry.spans import Spans
from gateway.types import Answer, Delta
from policies.decision import CachePlan, Decision, Plan, Skipped, Step
from tests.unit.gateway.build import call, live

PRICES = live().prices

ROLE = Delta(b"{}")
TEXT = Delta(b"{}", text="hello")
END = Delta(b"{}", finish_reason="stop")


class Script:
    """An executor that does what the test says, one item for each call, and remembers what was closed."""

    def __init__(self, *items):
        self.items = list(items)
        self.opened: list[str] = []
        self.at_s: list[float] = []
        self.closed: list[str] = []
        self.closed_before: list[list[str]] = []
        self.held: list[object] = []
        self.abandoned: list[str] = []

    async def open(self, call, step, endpoint, trace):
        self.opened.append(step.target)
        self.closed_before.append(list(self.closed))
        self.at_s.append(time.monotonic())
        item = self.items.pop(0)
        if isinstance(item, BaseException):
            raise item
        deltas, confidence = item
        reading = self._read(step.target, deltas)
        self.held.append(reading)  # else the garbage collector would close it
        abandon = lambda: self.abandoned.append(step.target)  # noqa: E731
        return Answer(endpoint.model, endpoint.provider, reading, confidence, abandon=abandon)

    async def close(self):
        """Nothing is held."""

    async def _read(self, target, deltas):
        try:
            for delta in deltas:
                if isinstance(delta, BaseException):
                    raise delta
                yield (delta,)
        finally:
            self.closed.append(target)


def answers(*deltas, confidence=None):
    return deltas or (ROLE, TEXT, END), confidence


def plan(*targets, retries=0, accept=None, skipped=()):
    steps = tuple(Step(t, "upstream", f"m-{t}", accept_confidence=accept, retries=retries) for t in targets)
    return Plan(steps, CachePlan(), skipped)


async def climb(script, some_plan, history=None):
    trace = Spans(Tracing(print)).begin(call())
    endpoints = {step.target: Endpoint("openai", "prov", step.model) for step in some_plan.recipients}
    decision = Decision("v1", "some-rule", some_plan, ())
    attempts = [] if history is None else history
    route = Route(call(), decision, endpoints, PRICES, {}, trace, attempts)
    return await Climber(Attempts({"openai": script})).climb(route)


def history(attempts):
    return [(attempt.target, attempt.status) for attempt in attempts]


async def test_the_first_step_that_answers_is_taken():
    """Read up to its first words, which are handed on with the rest unread."""
    script = Script(answers())
    climbed = await climb(script, plan("a", "b"))
    assert (climbed.step.target, climbed.first) == ("a", (ROLE, TEXT))
    assert history(climbed.attempts) == [("a", "ok")]
    assert [batch async for batch in climbed.answer.deltas] == [(END,)]
    assert script.opened == ["a"]


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (NotCapable("no task here"), "declined"),
        (UpstreamUnavailable("down"), "failed"),
        (answers(confidence=0.4), "unsure"),
        (((), None), "failed"),
        (answers(ROLE), "failed"),
        (answers(ROLE, BadCompletion("garbage")), "failed"),
        (
            UpstreamRejected(
                "long", upstream_status=400, body=b'{"error":{"code":"context_length_exceeded"}}'
            ),
            "failed",
        ),
    ],
    ids=["declined", "down", "unsure", "empty", "only a role", "garbage", "overflow"],
)
async def test_a_step_that_gives_no_answer_makes_room_for_the_next(first, status):
    """Declined, unsure, failed or empty: nothing of it is released."""
    script = Script(first, answers(confidence=0.9))
    climbed = await climb(script, plan("a", "b", accept=0.5))
    assert climbed.step.target == "b"
    assert history(climbed.attempts) == [("a", status), ("b", "ok")]
    assert climbed.attempts[0].ended_ns >= climbed.attempts[0].started_ns > 0


async def test_an_answer_that_is_not_released_is_closed():
    """Before the next step is asked: closing is what stops the work behind it."""
    script = Script(answers(ROLE, BadCompletion("x")), answers(ROLE), answers())
    await climb(script, plan("garbage", "empty", "good"))
    assert script.closed_before == [[], ["garbage"], ["garbage", "empty"]]


async def test_an_unsure_answer_is_abandoned_though_nothing_of_it_was_read():
    """A stream that never began cannot be closed by closing its reader: the call behind it is dropped."""
    script = Script(answers(confidence=0.3), answers(confidence=0.9))
    await climb(script, plan("unsure", "good", accept=0.8))
    assert script.abandoned == ["unsure"]


async def test_an_answer_without_confidence_is_released():
    """A threshold binds those targets that report a confidence."""
    climbed = await climb(Script(answers()), plan("a", accept=0.99))
    assert climbed.step.target == "a"


async def test_the_callers_mistake_ends_the_climb():
    """It would fail at every target, at a price."""
    script = Script(UpstreamRejected("bad value", upstream_status=400), answers())
    with pytest.raises(PlanExhausted) as raised:
        await climb(script, plan("a", "b"))
    assert script.opened == ["a"]
    assert raised.value.http_status == 400
    assert raised.value.message == "bad value"


async def test_when_nobody_answers_every_reason_is_said():
    """In order, with those that were skipped; the status is the last one's."""
    script = Script(NotCapable("not mine."), UpstreamUnavailable("is down."))
    with pytest.raises(PlanExhausted) as raised:
        await climb(script, plan("a", "b", skipped=(Skipped("c", "set `KEY`", "unavailable"),)))
    assert raised.value.message == "No target could answer. a: not mine. b: is down. c: set `KEY`"
    assert raised.value.http_status == 503
    assert history(raised.value.attempts) == [("a", "declined"), ("b", "failed")]


async def test_a_target_is_asked_again_as_often_as_its_step_says():
    """Retries are counted on the attempt."""
    script = Script(UpstreamUnavailable("1"), UpstreamUnavailable("2"), answers())
    climbed = await climb(script, plan("a", "b", retries=2))
    assert script.opened == ["a", "a", "a"]
    assert [(a.target, a.retries) for a in climbed.attempts] == [("a", 2)]


async def test_retries_are_bounded():
    """One call and `retries` more, then the next step."""
    script = Script(UpstreamUnavailable("1"), UpstreamUnavailable("2"), answers())
    climbed = await climb(script, plan("a", "b", retries=1))
    assert script.opened == ["a", "a", "b"]
    assert climbed.step.target == "b"


async def test_a_retry_waits_as_long_as_it_was_asked_to():
    """`retry-after` is honoured."""
    script = Script(UpstreamRateLimited("x", upstream_status=429, retry_after_s=0.4), answers())
    await climb(script, plan("a", retries=1))
    assert script.at_s[1] - script.at_s[0] >= 0.4


async def test_a_wait_too_long_goes_to_the_next_step_at_once():
    """Nobody holds a request for a minute when another target is free."""
    script = Script(UpstreamRateLimited("x", upstream_status=429, retry_after_s=60), answers())
    started = time.monotonic()
    climbed = await climb(script, plan("a", "b", retries=3))
    assert climbed.step.target == "b"
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("error", [NotCapable("x"), UpstreamRejected("x", upstream_status=400)])
async def test_what_cannot_change_is_not_repeated(error):
    """A decline and a rejection would be the same the second time."""
    script = Script(error)
    with pytest.raises(PlanExhausted):
        await climb(script, plan("a", retries=3))
    assert script.opened == ["a"]


async def test_cancelling_a_climb_closes_the_answer():
    """A client that leaves while the first words are awaited stops the target."""

    reading = asyncio.Event()

    class Silent(Script):
        async def _read(self, target, deltas):
            try:
                yield (ROLE,)
                reading.set()
                await asyncio.sleep(60)
            finally:
                self.closed.append(target)

    script = Silent(answers())
    task = asyncio.create_task(climb(script, plan("a", "b")))
    await asyncio.wait_for(reading.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert script.closed == ["a"]
    assert script.opened == ["a"]


@pytest.mark.parametrize(
    ("choice", "kept"),
    [({}, ()), ({"tool_choice": "auto"}, ()), ({"tool_choice": "required"}, ("tools", "tool_choice"))],
)
def test_offers_are_left_out_and_demands_are_not(choice, kept) -> None:
    """A stand-in without tools may ignore an offer, never an order to use one; the other fields stay."""
    tool = {"type": "function", "function": {"name": "weather"}}
    asked = call({"tools": [tool], "parallel_tool_calls": True, "temperature": 0.5, **choice})
    fields = without_offers(asked).fields
    expected = {"model", "messages", "temperature", *kept} | ({"parallel_tool_calls"} if kept else set())
    assert set(fields) == expected
