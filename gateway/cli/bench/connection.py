"""One keep-alive connection of the load generator."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from gateway.cli.bench.load import Run


class Connection(asyncio.Protocol):
    """Sends request after request on one socket until the run is over or the server closes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self._under_way = False
        self._first_at: float | None = None
        self._body: list[bytes] = []
        self._transport: asyncio.Transport
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send_next()

    def _send_next(self) -> None:
        request = self._run.next()
        if request is None:
            self._transport.close()
            return
        self._body, self._first_at = [], None
        self._sent_at, self._under_way = time.perf_counter(), True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Parse; an answer that is no HTTP closes the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as broken:
            self._under_way = False
            self._run.broke(f"unreadable answer: {broken}")
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        """Keep the body, and when it began."""
        if self._first_at is None:
            self._first_at = time.perf_counter()
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Count the answer and send the next request."""
        now = time.perf_counter()
        first_byte_s = None if self._first_at is None else self._first_at - self._sent_at
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._run.answered(status, body, latency_s=now - self._sent_at, first_byte_s=first_byte_s)
        self._under_way = False
        if self._parser.should_keep_alive():
            self._send_next()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the request that was under way, if one was."""
        if self._under_way:
            self._run.broke(f"the connection broke before the answer was complete: {exc or 'closed'}")
        if not self.closed.done():
            self.closed.set_result(None)
