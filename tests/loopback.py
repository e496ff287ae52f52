"""A HTTP/1.1 server on a free loopback port in a thread of its own: the ground under the fake servers.

It lives in a thread so that it answers whether the code under test runs in this event loop, in another
one, or in another process, and so that a blocked test cannot stop it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httptools

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


@dataclass(eq=False, slots=True)
class RecordedRequest:
    """One request as it arrived, and what became of it. Times are `time.monotonic()` seconds."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    received_at_s: float
    answered: bool = False
    """The whole answer was handed to the socket."""
    disconnected_after_s: float | None = None
    """How long after its arrival the client went away without waiting for the whole answer."""

    @property
    def json(self) -> Any:
        """The body parsed as JSON. Raises `ValueError` where it is not JSON."""
        return json.loads(self.body)


class Exchange:
    """One request and the means to answer it, in any legal or illegal way."""

    def __init__(self, request: RecordedRequest, connection: _Connection) -> None:
        self.request = request
        self._connection = connection

    async def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        """Send a whole answer. `length` overrides `content-length`, to promise more than is sent."""
        size = len(body) if length is None else length
        head = {"content-type": content_type, "content-length": str(size)}
        head |= {name.lower(): value for name, value in (headers or {}).items()}
        await self._connection.write(_head(status, head) + body)

    async def start_stream(self) -> None:
        """Send the head of a chunked server-sent event stream."""
        head = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        await self._connection.write(_head(200, head))

    async def send_chunk(self, data: bytes) -> None:
        """Send `data` as one HTTP chunk, which is one write to the socket."""
        await self._connection.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        """End the chunked body properly."""
        await self._connection.write(b"0\r\n\r\n")

    async def cut(self) -> None:
        """Close the connection once what was written has left, whatever the headers promised."""
        await self._connection.cut()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Connection(asyncio.Protocol):
    """Parses requests off one socket and serves them one after the other."""

    def __init__(self, server: LoopbackServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._waiting: list[tuple[RecordedRequest, bool]] = []
        self._task: asyncio.Task[None] | None = None
        self._current: RecordedRequest | None = None
        self._cut = False
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.write(_head(400, {"content-length": "0", "connection": "close"}))
            self.transport.close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method, path = self._parser.get_method().decode(), self._url.decode("latin-1")
        request = RecordedRequest(method, path, self._headers, bytes(self._body), time.monotonic())
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self._waiting and not self.transport.is_closing():
            request, keep_alive = self._waiting.pop(0)
            self._current = request
            self._server.requests.append(request)
            try:
                await self._server.handler(Exchange(request, self))
            except Exception as failure:
                self._server.failures.append(failure)
                self.transport.abort()
                raise
            request.answered = not self._cut
            self._current = None
            if not keep_alive:
                self.transport.close()
        self._task = None

    async def write(self, data: bytes) -> None:
        """Write `data` and wait while the client reads too slowly."""
        self.transport.write(data)
        await self._writable.wait()

    async def cut(self) -> None:
        self._cut = True
        self.transport.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._current is not None and not self._cut:
            self._current.disconnected_after_s = time.monotonic() - self._current.received_at_s
        if self._task is not None and not self._cut:
            self._task.cancel()


class LoopbackServer:
    """Serves `handler` on `127.0.0.1:port` (0 picks a free port) between `start` and `stop`."""

    def __init__(self, handler: Callable[[Exchange], Awaitable[None]], *, port: int = 0) -> None:
        self.handler = handler
        self.port = port
        self.requests: list[RecordedRequest] = []
        self.connections: set[_Connection] = set()
        self.failures: list[Exception] = []
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    def start(self) -> Self:
        """Bind and serve; returns when the socket listens. Raises `OSError` where the port is taken."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="loopback", daemon=True
        )
        self._thread.start()
        self._ready.wait()
        if self.failures:
            self._thread.join()
            raise self.failures[0]
        return self

    def stop(self) -> None:
        """Drop every connection, close the socket, join the thread. Raises what a handler raised."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None
        if self.failures:
            raise self.failures[0]

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port)
        except OSError as failure:
            self.failures.append(failure)
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in tuple(self.connections):
            connection.transport.abort()
        await server.wait_closed()


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Block until `condition()` holds; returns whether it did within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """`wait_until` for a test whose own event loop must go on running."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.002)
    return True
