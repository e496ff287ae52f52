"""`POST /v1/responses`: answered as a chat, and kept so that the next request can go on from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api import errors
from gateway.api.chat import call_of
from gateway.api.chunks import read_chunks, read_whole
from gateway.api.responses.output import Output
from gateway.api.responses.request import chat_request
from gateway.api.wire import decode_object
from gateway.errors import InvalidRequest
from gateway.records.responses import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.api.dialect import Rendering
    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.records.responses import Responses as Store
    from gateway.types import Call, Completion, Delta, Outcome, Usage

Json = dict[str, Any]
# Fields of a request that its response repeats, with what holds when they are left out.
_REPEATED: Json = {
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "metadata": {},
    "parallel_tool_calls": True, "previous_response_id": None, "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None}, "safety_identifier": None, "service_tier": "auto",
    "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
    "top_logprobs": 0, "top_p": None, "truncation": "disabled", "user": None,
}  # fmt: skip
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Responses:
    """OpenAI's Responses API."""

    id_header = None

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, body: bytes, arrival: Arrival) -> tuple[Call, Rendering]:
        asked = decode_object(body)
        earlier = await self._earlier(asked.get("previous_response_id"), arrival)
        chat = chat_request(asked, earlier)
        call = call_of(msgspec.json.encode(chat), arrival)
        said = chat["messages"][1:] if asked.get("instructions") else chat["messages"]
        keep = asked.get("store") is not False and self._store.keeps
        return call, ResponseRendering(asked, said, self._store if keep else None)

    def envelope(self, error: GatewayError, request_id: str) -> bytes:
        return errors.envelope(error)

    async def _earlier(self, previous: object, arrival: Arrival) -> list[Json]:
        """The conversation up to the response that this request goes on from. Its instructions do not carry over."""
        if previous is None:
            return []
        if not isinstance(previous, str):
            raise InvalidRequest("`previous_response_id` must be a text.", param="previous_response_id")
        return (await self._store.get(previous, arrival.caller.tenant, "previous_response_id")).messages


class ResponseRendering:
    """One answer; keeps what has been put together of it."""

    def __init__(self, asked: Json, said: list[Json], store: Store | None) -> None:
        """`said` is the conversation so far; `store` is None where the response is not to be kept."""
        self._asked = asked
        self._said = said
        self._store = store
        self._output = Output("")
        self._head: Json = {}
        self._sequence = 0

    async def whole(self, completion: Completion, outcome: Outcome) -> bytes:
        body = read_whole(completion.body)
        self._begin(outcome, body.model)
        for _ in self._output.add(body.choices[0]):
            pass
        for _ in self._output.close():
            pass
        return msgspec.json.encode(await self._finished(outcome))

    def events(self, batch: Sequence[Delta], outcome: Outcome) -> bytes:
        return self._framed(self._events(batch, outcome))

    async def end(self, outcome: Outcome) -> bytes:
        closing = self._framed(self._output.close())
        response = await self._finished(outcome)
        last = {"type": f"response.{response['status']}", "response": response}
        return closing + self._framed([last])

    def broken(self, error: GatewayError) -> bytes:
        """With `error` beside the documented fields, so that clients raise instead of passing an event on."""
        said = {"code": error.code, "message": error.message, "param": error.param}
        return self._framed([{"type": "error", **said, "error": {"type": error.type, **said}}])

    def _events(self, batch: Sequence[Delta], outcome: Outcome) -> Iterator[Json]:
        for chunk in read_chunks(batch):
            if not self._head:
                self._begin(outcome, chunk.model)
                running = {**self._head, "status": "in_progress", "output": [], "usage": None}
                yield {"type": "response.created", "response": running}
                yield {"type": "response.in_progress", "response": running}
            for choice in chunk.choices:
                if choice.index == 0:
                    yield from self._output.add(choice)

    def _begin(self, outcome: Outcome, model: str) -> None:
        suffix = outcome.call.request_id.removeprefix("req_")
        self._output = Output(suffix)
        repeated = {
            name: default if self._asked.get(name) is None else self._asked[name]
            for name, default in _REPEATED.items()
        }
        self._head = {
            "id": f"resp_{suffix}",
            "object": "response",
            "created_at": outcome.call.received_ns // 1_000_000_000,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": model or outcome.model,
            **repeated,
            "store": self._store is not None,
        }

    async def _finished(self, outcome: Outcome) -> Json:
        """The final response, kept if it is to be; one that could not be kept says `store: false`."""
        why = _INCOMPLETE.get(self._output.finish_reason or "")
        if why and self._output.items:
            self._output.items[-1]["status"] = "incomplete"
        response = {
            **self._head,
            "status": "incomplete" if why else "completed",
            "completed_at": None if why else int(time.time()),
            "incomplete_details": {"reason": why} if why else None,
            "output": self._output.items,
            "usage": _usage(outcome.usage),
        }
        if self._store is not None:
            messages = [*self._said, self._output.chat_message()]
            kept = Kept(response["id"], outcome.call.caller.tenant, response, messages)
            response["store"] = await self._store.keep(kept)
        return response

    def _framed(self, events: Iterable[Json]) -> bytes:
        framed = []
        for event in events:
            name: str = event["type"]
            data = msgspec.json.encode({**event, "sequence_number": self._sequence})
            framed.append(b"event: " + name.encode() + b"\ndata: " + data + b"\n\n")
            self._sequence += 1
        return b"".join(framed)


def _usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
