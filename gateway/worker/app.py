"""The worker's HTTP door: OpenAI's chat completions over whatever models are loaded, plus health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway.api.errors import envelope, headers
from gateway.api.http import ClientLeft, read_body, read_headers
from gateway.api.wire import decode_chat, decode_object
from gateway.errors import GatewayError, InvalidRequest, MethodNotAllowed, UnknownRoute
from gateway.execute.events import DONE, frame
from gateway.worker.completion import Completion
from gateway.worker.embedding import EmbeddingResponder
from policies.decision import TASK_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from starlette.requests import Request

    from gateway.worker.models import Models
    from gateway.worker.responders import Answer

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_BODY_BYTES = 8 * 1024 * 1024
_CLIENT_LEFT = 499


def build_app(models: Models) -> Starlette:
    """Return the application; the models begin to load when it starts and stop when it ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        models.start()
        yield
        await models.close()

    async def chat_completions(request: Request) -> Response:
        return await _chat_completions(request, models)

    async def embeddings(request: Request) -> Response:
        return await _embeddings(request, models)

    async def readyz(_: Request) -> Response:
        return _json({"models": models.report()})

    async def list_models(_: Request) -> Response:
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "pointsman"} for name in models.report()
        ]
        return _json({"object": "list", "data": data})

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", list_models, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
        ],
        exception_handlers={
            GatewayError: _failed,
            ClientLeft: _client_left,
            HTTPException: _no_route,
            Exception: _broken,
        },
        lifespan=lifespan,
    )


async def _chat_completions(request: Request, models: Models) -> Response:
    raw = await read_body(request.receive, read_headers(request.scope), MAX_BODY_BYTES)
    chat, _ = decode_chat(raw)
    body = msgspec.json.decode(raw)
    return await _unless_gone(request, _respond(chat.model, body, models))


async def _embeddings(request: Request, models: Models) -> Response:
    raw = await read_body(request.receive, read_headers(request.scope), MAX_BODY_BYTES)
    responder = await models.ready(_model_of(raw))
    if not isinstance(responder, EmbeddingResponder):
        raise InvalidRequest("This model chats and does not embed; `/v1/models` lists others.", param="model")
    done = await _unless_gone(request, responder.embed(raw))
    measured = {
        "x-pointsman-queue-ms": f"{done.queue_s * 1000:.1f}",
        "x-pointsman-compute-ms": f"{done.compute_s * 1000:.1f}",
    }
    return _json(done.body, measured=measured)


def _model_of(raw: bytes) -> str:
    model = decode_object(raw).get("model")
    if not isinstance(model, str):
        raise InvalidRequest("`model` is missing; add it to the request body.", param="model")
    return model


async def _respond(model: str, body: dict[str, Any], models: Models) -> Response:
    name = model.removeprefix(TASK_PREFIX)
    responder = await models.ready(name)
    answer = await responder.answer(body)
    completion = Completion(name)
    if body.get("stream"):
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        events = _events(answer, completion.chunks(answer.pieces, include_usage=include_usage))
        return StreamingResponse(
            events, media_type="text/event-stream", headers={**_measured(answer), "cache-control": "no-cache"}
        )
    whole = await completion.whole(answer.pieces)
    return _json(whole, measured=_measured(answer))


async def _events(answer: Answer, chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Frame chunks as server-sent events; a failure in the middle is an error event and no `[DONE]`."""
    try:
        async with contextlib.aclosing(answer.pieces):
            async for chunk in chunks:
                yield frame(msgspec.json.encode(chunk))
    except GatewayError as error:
        log.warning("stream broke off: %s", error)
        yield frame(envelope(error))
        return
    yield frame(DONE)


def _measured(answer: Answer) -> dict[str, str]:
    """Return the `x-pointsman-*` headers; the compute time of a streamed answer is that to its first piece."""
    compute_s = time.perf_counter() - answer.started if answer.compute_s is None else answer.compute_s
    found = {
        "x-pointsman-queue-ms": f"{answer.queue_s * 1000:.1f}",
        "x-pointsman-compute-ms": f"{compute_s * 1000:.1f}",
    }
    if answer.confidence is not None:
        found["x-pointsman-confidence"] = f"{answer.confidence:.4f}"
    return found


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but cancel it and raise ClientLeft when the client disconnects first."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(content: dict[str, Any], *, measured: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), headers=measured, media_type="application/json")


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)  # noqa: S101 - Starlette registers this handler for that class
    found = {name.decode(): value.decode() for name, value in headers(error)}
    return Response(envelope(error), error.http_status, found, media_type="application/json")


async def _client_left(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_LEFT)  # goes nowhere; a word for the log


async def _no_route(request: Request, error: Exception) -> Response:
    asked = f"{request.method} {request.url.path}"
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        return await _failed(request, MethodNotAllowed(f"`{asked}`: this path takes another method."))
    return await _failed(
        request,
        UnknownRoute(f"`{asked}` is not served here; POST /v1/chat/completions and /v1/embeddings are."),
    )


async def _broken(request: Request, error: Exception) -> Response:
    """A bug: Starlette logs it; the caller gets no part of it."""
    return await _failed(request, GatewayError("The worker failed to handle this request."))
