"""Chains: each stage works on the answer of the one before, and the last one's goes to the client."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from gateway.attempt import Failed, read_through, unstreamed
from gateway.errors import BadCompletion
from gateway.execute.streams import finish_reason

if TYPE_CHECKING:
    from gateway.attempt import Attempts, Opened, Route
    from gateway.types import Call, Delta

_SLOT = re.compile(r"\{(request|answer)\}")
# What concerns the form of the final answer alone, or what only the final stage may do.
_FINAL_ONLY = frozenset(
    {"response_format", "n", "logprobs", "top_logprobs", "tools", "tool_choice",
     "functions", "function_call", "parallel_tool_calls", "modalities", "audio", "prediction"}
)  # fmt: skip
_messages = msgspec.json.Decoder(list[dict[str, Any]])


async def run_chain(attempts: Attempts, route: Route) -> Opened | Failed:
    """The last stage's answer, opened, or the first failure."""
    *before, last = route.decision.plan.chain
    said = ""
    for stage in before:
        asked = stage_call(route.call, stage.instruction, said, final=False)
        opened = await attempts.make(route, stage.step, asked)
        if isinstance(opened, Failed):
            return opened
        read = await read_through(opened, route, functools.partial(_no_whole_text, stage.step.target))
        if isinstance(read, Failed):
            return read
        said = "".join(delta.text for delta in read)
    return await attempts.make(route, last.step, stage_call(route.call, last.instruction, said, final=True))


def stage_call(call: Call, instruction: str | None, answer: str, *, final: bool) -> Call:
    """The call of one stage: the last user turn says what `instruction` says, with its slots filled.

    `{request}` is the client's last user turn, `{answer}` what the stage before said; text that looks like a slot
    in either stays as it is. Images and other parts beside the text stay too. Only the final stage streams, calls
    tools or answers in a schema.
    """
    fields = dict(call.fields)
    if instruction is not None:
        slots = {"request": call.text.user, "answer": answer}
        told = _SLOT.sub(lambda found: slots[found[1]], instruction)
        fields["messages"] = msgspec.Raw(msgspec.json.encode(_with_last_turn(fields["messages"], told)))
    if final:
        return replace(call, fields=fields)
    kept = {name: value for name, value in fields.items() if name not in _FINAL_ONLY}
    return replace(unstreamed(call, kept), tools=False, json_schema=False)


def _with_last_turn(raw: msgspec.Raw, told: str) -> list[dict[str, Any]]:
    messages = _messages.decode(raw)
    last = next((m for m in reversed(messages) if m.get("role") == "user"), None)
    if last is None:
        return [*messages, {"role": "user", "content": told}]
    if isinstance(last.get("content"), list):
        others = [part for part in last["content"] if part.get("type") != "text"]
        last["content"] = [{"type": "text", "text": told}, *others]
    else:
        last["content"] = told
    return messages


def _no_whole_text(target: str, deltas: list[Delta]) -> BadCompletion | None:
    """What is wrong with an answer that the next stage cannot build on: it said nothing, or was cut off."""
    ended = finish_reason(deltas)
    if ended == "stop" and any(delta.text.strip() for delta in deltas):
        return None
    return BadCompletion(f"`{target}` gave no whole text for the next stage (finish reason `{ended}`).")
