"""Hedging: two attempts, one answer, nothing left running, and a bounded bill."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.attempt import Attempts, Route
from gateway.climb import Climber
from gateway.errors import PlanExhausted, UpstreamRejected, UpstreamUnavailable
from gateway.execute.catalogue import Endpoint
from gateway.hedge import HedgeBudget
from gateway.telemetry.setup import Tracing
from gateway.telemetry.spans import Spans
from gateway.types import Answer, Delta
from policies.decision import CachePlan, Decision, Hedge, Plan, Step
from tests.unit.gateway.build import call, live

PRICES = live().prices
TEXT = Delta(b"{}", text="hello")


class Timed:
    """An executor whose targets answer, or fail, after a given time, and that counts what is still open."""

    def __init__(self, **targets: tuple[float, BaseException | None]) -> None:
        self.targets = targets
        self.opened: list[str] = []
        self.stopped: list[str] = []
        self.all_reading = asyncio.Event()

    async def open(self, call, step, endpoint, trace):
        self.opened.append(step.target)
        return Answer(endpoint.model, endpoint.provider, self._read(step.target))

    async def close(self):
        """Nothing is held."""

    async def _read(self, target):
        wait_s, error = self.targets[target]
        try:
            if len(self.opened) == len(self.targets):
                self.all_reading.set()
            await asyncio.sleep(wait_s)
            if error is not None:
                raise error
            yield (TEXT,)
        finally:
            self.stopped.append(target)


async def climb(executor, *, after_s=0.03, expected=0.0, budget=None):
    steps = tuple(Step(name, "upstream", f"m-{name}") for name in executor.targets)
    plan = Plan(steps, CachePlan(), hedge=Hedge(after_s, spend_share=0.1))
    endpoints = {step.target: Endpoint("openai", "prov", step.model) for step in steps}
    history = []
    route = Route(
        call(),
        Decision("v", "rule", plan, ()),
        endpoints,
        PRICES,
        {} if expected is None else dict.fromkeys(executor.targets, expected),
        Spans(Tracing(print)).begin(call()),
        history,
    )
    climber = Climber(Attempts({"openai": executor}))
    if budget is not None:
        climber.hedges = budget
    return await climber.climb(route), history


async def test_a_fast_first_step_is_not_hedged():
    """The second target hears nothing."""
    executor = Timed(a=(0, None), b=(0, None))
    climbed, history = await climb(executor)
    assert climbed.step.target == "a"
    assert executor.opened == ["a"]
    assert history == []


async def test_the_second_step_wins_when_the_first_is_slow():
    """It starts after the delay; the first is stopped, and is in the history as cancelled."""
    executor = Timed(a=(5, None), b=(0, None))
    started = time.monotonic()
    climbed, history = await climb(executor)
    assert time.monotonic() - started < 2, "the answer does not wait for the attempt that lost"
    assert climbed.step.target == "b"
    assert executor.stopped == ["a"]
    assert [(attempt.target, attempt.status) for attempt in history] == [("a", "cancelled")]
    assert [attempt.target for attempt in climbed.attempts] == ["a", "b"]


async def test_the_first_step_may_still_win():
    """Then the hedge is what is stopped."""
    executor = Timed(a=(0.1, None), b=(5, None))
    climbed, history = await climb(executor)
    assert climbed.step.target == "a"
    assert executor.stopped == ["b"]
    assert [(attempt.target, attempt.status) for attempt in history] == [("b", "cancelled")]


async def test_a_failure_leaves_the_other_running():
    """And a third step is tried when both have failed."""
    down = UpstreamUnavailable("down")
    climbed, _ = await climb(Timed(a=(0.06, down), b=(0.12, None)))
    assert climbed.step.target == "b"
    climbed, history = await climb(Timed(a=(0.06, down), b=(0.06, down), c=(0, None)))
    assert climbed.step.target == "c"
    assert [attempt.target for attempt in history] == ["a", "b"]


async def test_the_callers_mistake_ends_the_race():
    """It would fail everywhere, at a price: nothing else is asked, and the hedge is stopped."""
    executor = Timed(a=(0.06, UpstreamRejected("bad", upstream_status=400)), b=(5, None), c=(0, None))
    with pytest.raises(PlanExhausted):
        await climb(executor)
    assert executor.opened == ["a", "b"]
    assert sorted(executor.stopped) == ["a", "b"]


async def test_cancelling_stops_both():
    """A client that leaves during the race leaves no call behind."""
    executor = Timed(a=(5, None), b=(5, None))
    task = asyncio.create_task(climb(executor))
    await asyncio.wait_for(executor.all_reading.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(executor.stopped) == ["a", "b"]


@pytest.mark.parametrize("expected", [0.01, None], ids=["over the share", "unknown price"])
async def test_what_the_budget_does_not_allow_is_not_hedged(expected):
    """The slow first step is waited for."""
    executor = Timed(a=(0.1, None), b=(0, None))
    climbed, _ = await climb(executor, expected=expected)
    assert climbed.step.target == "a"
    assert executor.opened == ["a"]


def test_hedging_stays_within_its_share_of_the_spending():
    """Over many requests, whatever each hedge costs."""
    budget, base, added = HedgeBudget(), 0.0, 0.0
    for number in range(2000):
        cost = 0.001 * (1 + number % 7)
        hedged = cost if budget.allows("r", 0.05, cost) else 0.0
        budget.settle("r", cost, hedged)
        base, added = base + cost, added + hedged
    assert 0.04 * base < added <= 0.05 * base
    assert not budget.allows("other rule", 0.05, 0.001)
