"""Chains: what each stage is asked, and what happens when one of them cannot answer."""

from __future__ import annotations

import msgspec
import pytest

from gateway.attempt import Attempts, Route
from gateway.chain import stage_call
from gateway.climb import Climber
from gateway.errors import BadCompletion, PlanExhausted, UpstreamUnavailable
from gateway.execute.catalogue import Endpoint
from gateway.telemetry.setup import Tracing
from gateway.telemetry.spans import Spans
from gateway.types import Answer, Delta, Usage
from policies.decision import CachePlan, Decision, Plan, Stage, Step
from tests.unit.gateway.build import call, live

END = Delta(b"{}", finish_reason="stop")


def step(target):
    return Step(target, "upstream", f"m-{target}")


DRAFT = Stage(step("mid"), None)
POLISH = Stage(step("large"), "Shorten this answer to `{request}`:\n{answer}")


class Scripted:
    """An executor that gives each target's answers in turn and keeps the calls that it got."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    async def open(self, call, step, endpoint, trace):
        self.calls.append((step.target, call))
        answer = self.answers[step.target]
        if isinstance(answer, BaseException):
            raise answer
        return Answer(endpoint.model, endpoint.provider, self._read(answer))

    async def close(self):
        """Nothing is held."""

    async def _read(self, deltas):
        for delta in deltas:
            if isinstance(delta, BaseException):
                raise delta
            yield (delta,)


def text(words, **fields):
    return Delta(b"{}", text=words, **fields)


async def climb(executor, *steps, asked=None):
    plan = Plan(tuple(step(name) for name in steps), CachePlan(), chain=(DRAFT, POLISH))
    endpoints = {s.target: Endpoint("openai", "openai", s.model) for s in plan.recipients}
    asked = asked or call({"messages": [{"role": "user", "content": "Why is the sky blue?"}], "stream": True})
    decision = Decision("v", "rule", plan, ())
    route = Route(asked, decision, endpoints, live().prices, {}, Spans(Tracing(print)).begin(asked), [])
    return await Climber(Attempts({"openai": executor})).climb(route)


async def test_the_last_stage_works_on_the_answer_of_the_one_before():
    """The first is asked for a whole text, the last gets its instruction filled in and streams to the client."""
    first = [text("Rayleigh "), text("scattering."), END, Delta(b"{}", usage=Usage(1000, 500))]
    executor = Scripted(mid=first, large=[text("Scattering."), END])
    climbed = await climb(executor)
    (_, drafted), (_, polished) = executor.calls
    assert not drafted.stream and "stream" not in drafted.fields
    assert (
        drafted.fields["messages"]
        == call({"messages": [{"role": "user", "content": "Why is the sky blue?"}]}).fields["messages"]
    )
    assert polished.stream
    assert msgspec.json.decode(polished.fields["messages"])[-1]["content"] == (
        "Shorten this answer to `Why is the sky blue?`:\nRayleigh scattering."
    )
    assert [(a.target, a.status) for a in climbed.attempts] == [("mid", "ok"), ("large", "ok")]
    assert climbed.attempts[0].usage == Usage(1000, 500)
    assert climbed.attempts[0].cost_usd == pytest.approx(1000 * 0.15e-6 + 500 * 0.6e-6)


@pytest.mark.parametrize(
    "failing",
    [
        UpstreamUnavailable("down"),
        [text("cut"), Delta(b"{}", finish_reason="length")],
        [Delta(b"{}", tool_calls=True), Delta(b"{}", finish_reason="tool_calls")],
        [text("half"), BadCompletion("broke off")],
    ],
    ids=["down", "cut off", "no text", "broken"],
)
async def test_a_stage_that_gives_no_whole_text_makes_room_for_the_steps(failing):
    """What is half is not built upon; without steps the failure is the answer."""
    executor = Scripted(mid=failing, large=[text("fine"), END])
    climbed = await climb(executor, "large")
    assert [(a.target, a.status) for a in climbed.attempts] == [("mid", "failed"), ("large", "ok")]
    assert executor.calls[-1][1].fields["messages"] == executor.calls[0][1].fields["messages"]
    with pytest.raises(PlanExhausted):
        await climb(Scripted(mid=failing, large=[]))


def test_slots_in_the_texts_stay_as_they_are():
    """A request that says `{answer}` does not get another stage's words."""
    asked = call({"messages": [{"role": "user", "content": "What is {answer}?"}]})
    told = stage_call(asked, "{request} / {answer} / {other}", "a {request}", final=True)
    assert (
        msgspec.json.decode(told.fields["messages"])[-1]["content"]
        == "What is {answer}? / a {request} / {other}"
    )


def test_images_stay_beside_the_instruction():
    """Only text is replaced, and only of the last user turn."""
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        {"role": "assistant", "content": "ok"},
    ]
    told = stage_call(call({"messages": turns}), "again: {request}", "", final=True)
    messages = msgspec.json.decode(told.fields["messages"])
    assert messages[1]["content"] == [{"type": "text", "text": "again: look"}, image]
    assert [messages[0], messages[2]] == [turns[0], turns[2]]


def test_only_the_final_stage_answers_in_the_form_asked_for():
    """Schema, tools, choices and streaming are for whoever the client hears."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = call({"tools": tools, "n": 2, "temperature": 0.1, "response_format": {"type": "json_object"}})
    assert set(stage_call(asked, None, "", final=False).fields) == {"model", "messages", "temperature"}
    assert stage_call(asked, None, "", final=True).fields == asked.fields
