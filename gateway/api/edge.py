"""The outermost layer: hot endpoints go straight to their handler, and no exception leaves as a bare 500."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gateway.api import errors, http
from gateway.api.headers import new_request_id, stamped
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("pointsman.edge")


class Edge:
    """An ASGI application in front of the FastAPI one.

    Routes by the raw path of the request line: the Host header has no say in it.
    """

    def __init__(self, app: ASGIApp, hot: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, received_ns = False, time.time_ns()
        hot = self._hot.get(scope["path"])  # one that stamps its answers itself

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            if hot is None and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *stamped(new_request_id(), received_ns)]
            await send(message)

        try:
            await (hot or self._app)(scope, receive, watched)
        except Exception:
            log.exception("unexpected failure of %s %s", scope["method"], scope["path"])
            if started:
                raise  # the server closes the connection: the client must not take this for a whole answer
            error = GatewayError(
                "The gateway failed unexpectedly; its log says why. The request may be sent again."
            )
            headers = stamped(new_request_id(), received_ns)
            await http.send_whole(send, 500, headers, errors.envelope(error), b"application/json")
