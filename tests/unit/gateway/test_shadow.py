"""Shadows: called after the answer, never in its way, and counted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.attempt import Attempts
from gateway.errors import UpstreamUnavailable
from gateway.execute.catalogue import Endpoint
from gateway.shadow import Answered, Shadows
from gateway.telemetry.setup import Tracing
from gateway.telemetry.spans import Spans
from gateway.types import Answer, Delta, Usage
from policies.decision import CachePlan, Decision, Plan, Shadow, Step
from tests.unit.gateway.build import call, live


class Target:
    """An executor of one target, which says `deltas` once `release` is set."""

    def __init__(self, *deltas):
        self.deltas = deltas
        self.release = asyncio.Event()
        self.release.set()
        self.calls = []
        self.closed = 0

    async def open(self, call, step, endpoint, trace):
        self.calls.append(call)
        return Answer(endpoint.model, endpoint.provider, self._read(), 0.75)

    async def close(self):
        """Nothing is held."""

    async def _read(self):
        try:
            await self.release.wait()
            for delta in self.deltas:
                if isinstance(delta, BaseException):
                    raise delta
                yield (delta,)
        finally:
            self.closed += 1


def answered(*, keep_answer=False, text="Paris."):
    step = Step("mid", "upstream", "gpt")
    plan = Plan((), CachePlan(), shadows=(Shadow(step, 0.25, keep_answer, "trial"),))
    asked = call({"stream": True, "stream_options": {"include_usage": True}})
    trace = Spans(Tracing(print)).begin(asked)
    endpoints = {"mid": Endpoint("openai", "openai", "gpt")}
    return Answered(asked, Decision("v1", "rule", plan, ()), endpoints, live().prices, trace, text, 0.5, 80.0)


async def run(target, *requests, limit=32):
    rows, counts = [], []
    shadows = Shadows(Attempts({"openai": target}), rows.append, lambda *a: counts.append(a), limit)
    for request in requests:
        shadows.start(request)
    for _ in range(100):
        await asyncio.sleep(0.001)
        if len(counts) == len(requests):
            break
    await shadows.close()
    return rows, counts


WORDS = (
    Delta(b"{}", text="paris"),
    Delta(b"{}", finish_reason="stop", usage=Usage(1000, 1000)),
)


async def test_a_shadow_leaves_a_row_with_what_it_took():
    """Asked for a whole answer, whatever the client asked; its money is counted; no text is kept."""
    target = Target(*WORDS)
    rows, counts = await run(target, answered())
    assert set(target.calls[0].fields) == {"model", "messages"}
    assert not target.calls[0].stream
    row = rows[0]
    assert (row["target"], row["status"], row["experiment"], row["propensity"]) == (
        "mid",
        "ok",
        "trial",
        0.25,
    )
    assert (row["prompt_tokens"], row["completion_tokens"], row["confidence"]) == (1000, 1000, 0.75)
    assert row["cost_usd"] == pytest.approx(0.00075)
    assert (row["released_usd"], row["released_ms"]) == (0.5, 80.0)
    assert counts == [("mid", "ok", row["cost_usd"])]
    assert row["answer"] is row["released_answer"] is None


@pytest.mark.parametrize(("text", "agrees"), [("Paris.", True), (" PARIS ", True), ("London", False)])
async def test_a_shadow_is_compared_with_the_answer(text, agrees):
    """But for case, spacing and outer punctuation; the texts are kept where the policy says so."""
    rows, _ = await run(Target(*WORDS), answered(keep_answer=True, text=text))
    assert rows[0]["agrees"] is agrees
    assert (rows[0]["answer"], rows[0]["released_answer"]) == ("paris", text)


@pytest.mark.parametrize(
    "deltas",
    [(UpstreamUnavailable("down"),), (Delta(b"{}", text="par"), UpstreamUnavailable("broke off"))],
    ids=["before", "after the first piece"],
)
async def test_a_shadow_that_fails_says_why_and_agrees_with_nothing(deltas):
    """Its row names the code of the error."""
    target = Target(*deltas)
    rows, counts = await run(target, answered(keep_answer=True))
    assert (rows[0]["status"], rows[0]["error"]) == ("failed", "upstream_unavailable")
    assert rows[0]["agrees"] is rows[0]["answer"] is None
    assert counts[0][:2] == ("mid", "failed")
    assert target.closed == 1


async def test_what_is_too_much_is_dropped_and_counted():
    """At most so many at once: shadows must not pile up behind a slow target."""
    target = Target(*WORDS)
    target.release.clear()
    rows, counts = await run(target, *[answered() for _ in range(5)], limit=2)
    assert counts == [("mid", "dropped", None)] * 3
    assert rows == []
    assert target.closed == 2
