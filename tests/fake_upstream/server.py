"""A scriptable OpenAI- and Anthropic-compatible server on a real socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from tests.fake_upstream.behaviours import Asked, Behaviour, Echo, Json
from tests.fake_upstream.shapes import SHAPES, Shape
from tests.loopback import LoopbackServer, RecordedRequest, until, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.loopback import Exchange


OTHERS = ("/v1/embeddings", "/v1/moderations", "/v1/audio/speech", "/v1/audio/transcriptions")


class FakeUpstream:
    """Answers `/v1/chat/completions` and `/v1/messages` as scripted, else with an echo.

    What is asked at one of `OTHERS` is answered as scripted, else with the path.
    `/v1/models` lists `models`. Use it as a context manager, plain or async. A request is answered by the
    first match of `when`, else by the next behaviour of `script`, else by the default of `always`.
    """

    def __init__(self, *, models: Sequence[str] = ("fake-small", "fake-large"), port: int = 0) -> None:
        self.models = tuple(models)
        self._server = LoopbackServer(self._handle, port=port)
        self._matches: list[tuple[Callable[[RecordedRequest], bool], Behaviour]] = []
        self._script: list[Behaviour] = []
        self._default: Behaviour = Echo()

    @property
    def origin(self) -> str:
        """Scheme, host and port; what an Anthropic client calls its base URL."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def url(self) -> str:
        """What an OpenAI client calls its base URL."""
        return f"{self.origin}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far, in order of arrival."""
        return self._server.requests

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._server.connections)

    def script(self, *behaviours: Behaviour) -> Self:
        """Queue `behaviours`: each serves one request, in order."""
        self._script.extend(behaviours)
        return self

    def when(self, matches: Callable[[RecordedRequest], bool], behaviour: Behaviour) -> Self:
        """Serve every request that `matches` with `behaviour`, whatever the script says."""
        self._matches.append((matches, behaviour))
        return self

    def always(self, behaviour: Behaviour) -> Self:
        """Serve with `behaviour` whenever the script is empty."""
        self._default = behaviour
        return self

    def reset(self) -> None:
        """Forget scripts, matches and recorded requests."""
        self._matches.clear()
        self._script.clear()
        self._default = Echo()
        self.requests.clear()

    def wait_for_requests(self, count: int, timeout_s: float = 5.0) -> bool:
        """Block until `count` requests arrived; returns whether they did in time."""
        return wait_until(lambda: len(self.requests) >= count, timeout_s)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Await `condition()`, e.g. `lambda: up.requests[0].disconnected_after_s is not None`."""
        return await until(condition, timeout_s)

    def start(self) -> Self:
        """Listen; `with` does this."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Drop all clients and close the socket; `with` does this."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        path = request.path.partition("?")[0]
        behaviour = next((b for matches, b in self._matches if matches(request)), None)
        shape = SHAPES["anthropic" if path.endswith("/messages") else "openai"]
        if request.method == "GET" and path == "/v1/models" and behaviour is None:
            await _reply(exchange, 200, self._model_list())
        elif request.method == "POST" and path in OTHERS:
            behaviour = behaviour or (self._script.pop(0) if self._script else Json({"path": path}))
            await behaviour.play(Asked({}, shape, exchange))
        elif request.method != "POST" or path not in ("/v1/chat/completions", "/v1/messages"):
            await _refuse(exchange, shape, 404, f"There is no {request.method} {path} here.")
        else:
            await self._answer(exchange, shape, behaviour)

    async def _answer(self, exchange: Exchange, shape: Shape, behaviour: Behaviour | None) -> None:
        try:
            payload = exchange.request.json
            payload["messages"][-1]["role"]
        except (ValueError, TypeError, LookupError):
            await _refuse(exchange, shape, 400, "The body is not a JSON object with `messages`.")
            return
        if behaviour is None:
            behaviour = self._script.pop(0) if self._script else self._default
        await behaviour.play(Asked(payload, shape, exchange))

    def _model_list(self) -> dict[str, Any]:
        data = [
            {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "fake"}
            for name in self.models
        ]
        return {"object": "list", "data": data}


async def _refuse(exchange: Exchange, shape: Shape, status: int, message: str) -> None:
    await _reply(exchange, status, shape.error(status, message, None))


async def _reply(exchange: Exchange, status: int, body: dict[str, Any]) -> None:
    await exchange.send(status, json.dumps(body).encode())
