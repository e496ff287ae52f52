"""The ASGI application of a gateway process."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from gateway.api import errors, models
from gateway.api.admin.keys import key_routes
from gateway.api.admin.policy import policy_routes
from gateway.api.cases import default_call
from gateway.api.edge import Edge
from gateway.api.feedback import read_feedback
from gateway.api.http import ClientLeft, authorization
from gateway.api.surface import hot_endpoints
from gateway.auth import authorise
from gateway.errors import GatewayError, InvalidRequest, MethodNotAllowed, UnknownRoute
from gateway.judging import Judge
from routers.catalogue import encoders

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gateway.live import LivePolicy
    from gateway.services import Services
    from gateway.types import Caller


def create_app(services: Services) -> Edge:
    """The application that a server runs; starting it up starts the services."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async for _ready in services.run():
            yield

    app = FastAPI(title="Pointsman", version="0.1.0", lifespan=lifespan)
    _add_routes(app, services)
    _add_operations(app, services)
    app.include_router(policy_routes(services.publishing.publisher, _judge(services), services.admin.admit))
    app.include_router(key_routes(services.ring.keys, services.ring.pepper, services.admin.admit))
    app.add_exception_handler(GatewayError, _on_gateway_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    return Edge(app, hot_endpoints(services))


def _add_routes(app: FastAPI, services: Services) -> None:
    def current() -> LivePolicy:
        return services.policy.current

    local = encoders() if services.settings.worker_url else []

    def caller_of(request: Request) -> Caller:
        caller = services.authenticator.authenticate(authorization(dict(request.headers)))
        authorise(caller, path=request.scope["path"])
        return caller

    @app.get("/v1/models", summary="What a client may put into `model`")
    async def list_models(request: Request) -> JSONResponse:
        caller_of(request)
        return JSONResponse(models.list_models(current, local))

    @app.get("/v1/models/{name:path}", summary="One model")
    async def get_model(name: str, request: Request) -> JSONResponse:
        caller_of(request)
        return JSONResponse(models.get_model(name, current, local))

    @app.get("/v1/responses/{name}", summary="A response that was stored")
    async def get_response(name: str, request: Request) -> JSONResponse:
        return JSONResponse((await services.responses.get(name, caller_of(request).tenant)).response)

    @app.delete("/v1/responses/{name}", summary="Forget a response that was stored")
    async def delete_response(name: str, request: Request) -> JSONResponse:
        await services.responses.drop(name, caller_of(request).tenant)
        return JSONResponse({"id": name, "object": "response", "deleted": True})

    @app.post("/v1/feedback", summary="How good an answer was", status_code=204)
    async def feedback(request: Request) -> Response:
        caller = caller_of(request)
        try:
            grade = await read_feedback(request.receive, request.scope)
        except ClientLeft:
            return Response(status_code=499)
        await services.grades.keep(grade, caller)
        return Response(status_code=204)


def _add_operations(app: FastAPI, services: Services) -> None:
    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", summary="The gateway can serve; with `full=1`, everything behind it too")
    async def readyz(full: bool = False) -> JSONResponse:
        status, body = await services.health.ready(full=full)
        return JSONResponse(body, status)

    @app.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        services.recorder.flush()
        return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _judge(services: Services) -> Judge:
    settings = services.settings
    path = services.policy.path if settings.policy_source == "file" else None
    releases = services.policy.labels.releases
    return Judge(services.classifier, settings.local_usd_per_cpu_hour, default_call, path, releases)


async def _on_gateway_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)  # noqa: S101 registered for this class alone
    headers = {name.decode(): value.decode() for name, value in errors.headers(error)}
    return Response(errors.envelope(error), error.http_status, headers, "application/json")


async def _on_invalid(request: Request, error: Exception) -> Response:
    """FastAPI's own findings about a path or query in OpenAI's envelope."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 registered for this class alone
    first = error.errors()[0]
    field = str(first["loc"][-1])
    found = InvalidRequest(
        f"`{field}` is not valid: {first['msg']}. Correct it and send it again.", param=field
    )
    return await _on_gateway_error(request, found)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405 in OpenAI's envelope."""
    if getattr(error, "status_code", 404) == 405:
        found: GatewayError = MethodNotAllowed(f"{request.method} is not supported for this URL.")
    else:
        found = UnknownRoute(
            f"There is nothing at {request.method} {request.url.path}; the API lives under /v1, "
            "its administration under /admin/v1."
        )
    return await _on_gateway_error(request, found)
