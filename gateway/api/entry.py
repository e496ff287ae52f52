"""The way into an endpoint beside FastAPI: its method, its key, its bounded body, and the form of its errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from gateway.api import errors, http
from gateway.api.headers import new_request_id, stamped, visible
from gateway.auth import authorise
from gateway.cache.eligibility import parse_cache_control
from gateway.errors import GatewayError, MethodNotAllowed
from gateway.types import CacheDirective, Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from gateway.auth import Authenticator

JSON = b"application/json"


class Arrival(Struct, frozen=True):
    """What is known of a request beside its body."""

    request_id: str
    caller: Caller
    headers: Mapping[str, str]
    """Those that a policy may look at."""
    cache: CacheDirective
    received_ns: int
    content_type: str = ""


class Service(Protocol):
    """What stands behind an entry."""

    async def serve(self, body: bytes, arrival: Arrival, send: Send) -> None:
        """Answer one request. A `GatewayError` may leave while nothing is sent."""
        ...

    def refuse(self, error: GatewayError, request_id: str) -> tuple[bytes, http.Headers]:
        """The body of an error, and headers of this API that go with it."""
        ...


class Gate(Struct, frozen=True):
    """Who may come in, and with how much."""

    authenticator: Authenticator
    max_body_bytes: int
    rejected: Callable[[GatewayError, str], None]
    """Hears of every request that is turned away."""


class Entry:
    """An endpoint as an ASGI application."""

    def __init__(self, service: Service, gate: Gate) -> None:
        self._service = service
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, received_ns = new_request_id(), time.time_ns()
        try:
            try:
                body, arrival = await self._admit(scope, receive, request_id, received_ns)
            except GatewayError as error:
                self._gate.rejected(error, request_id)
                raise
            await http.until_client_leaves(receive, self._service.serve(body, arrival, send))
        except http.ClientLeft:
            return
        except GatewayError as error:
            await send_error(send, error, self._service, request_id, received_ns)

    async def _admit(
        self, scope: Scope, receive: Receive, request_id: str, received_ns: int
    ) -> tuple[bytes, Arrival]:
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not supported here; use POST.")
        headers = http.read_headers(scope)
        caller = self._gate.authenticator.authenticate(http.authorization(headers))
        authorise(caller, path=scope["path"])
        body = await http.read_body(receive, headers, self._gate.max_body_bytes)
        cache = CacheDirective(*parse_cache_control(headers.get("cache-control")))
        content_type = headers.get("content-type", "")
        return body, Arrival(request_id, caller, visible(headers), cache, received_ns, content_type)


async def send_error(
    send: Send, error: GatewayError, service: Service, request_id: str, received_ns: int
) -> None:
    """A whole error in the form of the API that was asked."""
    body, own = service.refuse(error, request_id)
    headers = [*errors.headers(error), *stamped(request_id, received_ns), *own]
    await http.send_whole(send, error.http_status, headers, body, JSON)
