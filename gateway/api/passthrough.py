"""`/v1/embeddings`, `/v1/moderations`, `/v1/audio/*`: passed on to the model that was asked for, as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.api import errors, http
from gateway.api.entry import JSON
from gateway.api.headers import response_headers
from gateway.api.multipart import read_field, replace_field
from gateway.api.wire import decode_object
from gateway.direct import Passing
from gateway.errors import AttemptError, InvalidRequest, PlanExhausted
from gateway.types import Call
from routers.signals import RequestText

if TYPE_CHECKING:
    from starlette.types import Send

    from gateway.api.entry import Arrival
    from gateway.direct import Direct, Passed
    from gateway.errors import GatewayError

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class PassThrough:
    """One endpoint."""

    def __init__(self, direct: Direct, path: str, *, default: str | None = None, form: bool = False) -> None:
        """`default` is the model where the API lets callers leave it out; `form` takes a multipart form, not JSON."""
        self._direct = direct
        self._path = path
        self._default = default
        self._form = form

    async def serve(self, body: bytes, arrival: Arrival, send: Send) -> None:
        passed = await self._direct.open(self._passing(body, arrival))
        try:
            if passed.content_type.startswith("application/json"):
                await _send_whole(passed, send)
            else:
                await _send_as_it_comes(passed, send)
        finally:
            await passed.chunks.aclose()

    def refuse(self, error: GatewayError, request_id: str) -> tuple[bytes, http.Headers]:
        return errors.envelope(error), []

    def _passing(self, body: bytes, arrival: Arrival) -> Passing:
        model = read_field(body, arrival.content_type, "model") if self._form else _model_of(body)
        asked = model or self._default
        if not asked:
            raise InvalidRequest("`model` is missing; add it to the request.", param="model")

        def renamed(name: str) -> bytes:
            if name == model:
                return body
            if self._form:
                return replace_field(body, arrival.content_type, "model", name)
            fields = _fields.decode(body)
            return msgspec.json.encode({**fields, "model": msgspec.Raw(msgspec.json.encode(name))})

        kind = self._path.rpartition("/")[2]
        content_type = arrival.content_type if self._form else JSON.decode()
        return Passing(_call(asked, arrival), kind, self._path, content_type, renamed)


def _model_of(body: bytes) -> str | None:
    model = decode_object(body).get("model")
    if model is not None and not isinstance(model, str):
        raise InvalidRequest("`model` must be a string.", param="model")
    return model


def _call(model: str, arrival: Arrival) -> Call:
    return Call(
        request_id=arrival.request_id,
        caller=arrival.caller,
        model=model,
        fields={},
        text=RequestText(user="", system="", turns=0, earlier="", replies=0),
        stream=False,
        include_usage=False,
        tools=False,
        forced_tool=False,
        json_schema=False,
        modalities=frozenset(),
        max_output_tokens=None,
        sampled=False,
        metadata={},
        headers=arrival.headers,
        cache=arrival.cache,
        received_ns=arrival.received_ns,
    )


async def _send_whole(passed: Passed, send: Send) -> None:
    """The answer once it is all here, so that a failure half way still has a status."""
    try:
        body = b"".join([chunk async for chunk in passed.chunks])
    except AttemptError as error:
        raise PlanExhausted(error.message, cause=error, attempts=passed.outcome.attempts) from error
    headers = response_headers(passed.outcome)
    await http.send_whole(send, 200, headers, body, passed.content_type.encode("latin-1", "replace"))


async def _send_as_it_comes(passed: Passed, send: Send) -> None:
    """Audio, or events: what breaks off is cut, since its form has no word for an error."""
    content_type = passed.content_type.encode("latin-1", "replace")
    headers = [(b"content-type", content_type), *response_headers(passed.outcome)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        async for chunk in passed.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except AttemptError as error:
        raise ConnectionAbortedError(error.message) from error  # the server closes the connection
    await send({"type": "http.response.body", "body": b""})
