"""A very fast OpenAI-compatible upstream: its answers are precomputed, so the gateway is what is measured.

`python -m gateway.cli.bench.mock_upstream --port 0` prints the port it listens on, then serves until killed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from typing import Any, cast

import httptools
import uvloop

SENTENCE = "The second title is on loan until Friday; a copy stands on shelf 7-B of the branch at the river. "
USAGE = {
    "prompt_tokens": 312,
    "completion_tokens": 118,
    "total_tokens": 430,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Every answer as the bytes to send; a stream is one item per event, head and end included."""

    whole: bytes
    stream: tuple[bytes, ...]
    stream_with_usage: tuple[bytes, ...]
    models: bytes
    accepted: bytes
    not_found: bytes


def precompute(events: int) -> Answers:
    """Answers of about 1.2 KB whole and of `events` content events streamed (then finish and `[DONE]`)."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": SENTENCE * 6,
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    model = {"id": "gpt-4o-mini", "object": "model", "created": 1_700_000_000, "owned_by": "mock"}
    return Answers(
        whole=_response("200 OK", {**_envelope("chat.completion"), "choices": [choice], "usage": USAGE}),
        stream=_stream(events, include_usage=False),
        stream_with_usage=_stream(events, include_usage=True),
        models=_response("200 OK", {"object": "list", "data": [model]}),
        accepted=b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        not_found=_response(
            "404 Not Found", {"error": {"message": "There is no such path.", "type": "not_found"}}
        ),
    )


def _envelope(kind: str) -> dict[str, Any]:
    named = {
        "id": "chatcmpl-mock",
        "object": kind,
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
    }
    return {**named, "service_tier": "default", "system_fingerprint": "fp_mock"}


def _response(status: str, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _stream(events: int, *, include_usage: bool) -> tuple[bytes, ...]:
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    deltas: list[tuple[dict[str, str], str | None]] = [
        ({"content": f" word{i:02d}"}, None) for i in range(events)
    ]
    deltas[0][0]["role"] = "assistant"
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}], **usage}
        for delta, end in [*deltas, ({}, "stop")]
    ]
    if include_usage:
        chunks.append({"choices": [], "usage": USAGE})
    lines = [json.dumps({**_envelope("chat.completion.chunk"), **chunk}).encode() for chunk in chunks]
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    parts = [_chunk(b"data: %b\n\n" % line) for line in [*lines, b"[DONE]"]]
    return (head + parts[0], *parts[1:-1], parts[-1] + b"0\r\n\r\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(slots=True)
class Served:
    """What all connections served together."""

    completions: int = 0


class MockUpstream(asyncio.Protocol):
    """Serves one keep-alive connection. Each event of a stream is a write of its own, as a model sends it."""

    def __init__(self, answers: Answers, served: Served) -> None:
        self._answers = answers
        self._served = served
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body = b""
        self._fd = -1
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and its file descriptor."""
        self._transport = cast("asyncio.Transport", transport)
        self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Parse; a bad request closes the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        """Keep the path."""
        self._path += url

    def on_body(self, body: bytes) -> None:
        """Keep the body, which says whether to stream."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer."""
        if self._path.endswith(b"/chat/completions"):
            self._served.completions += 1
            if b'"stream":true' not in self._body and b'"stream": true' not in self._body:
                self._transport.write(self._answers.whole)
                return
            with_usage = b"include_usage" in self._body
            for event in self._answers.stream_with_usage if with_usage else self._answers.stream:
                self._send_now(event)
        elif self._path.endswith(b"/models"):
            self._transport.write(self._answers.models)
        elif self._path == b"/count":
            # How many completions were asked for, so that a benchmark can tell a cache hit from a miss.
            self._transport.write(_response("200 OK", {"completions": self._served.completions}))
        elif self._path in (b"/v1/traces", b"/v1/metrics", b"/v1/logs"):
            # It stands in for an OpenTelemetry collector too, so that gateways are measured with export on.
            self._transport.write(self._answers.accepted)
        else:
            self._transport.write(self._answers.not_found)

    def _send_now(self, data: bytes) -> None:
        # uvloop gathers all writes of one turn of its loop into one system call, which would hand a gateway
        # all events at once. Writing to the socket itself keeps them apart, as long as nothing is queued.
        sent = 0
        if not self._transport.get_write_buffer_size():
            with contextlib.suppress(BlockingIOError):
                sent = os.write(self._fd, data)
        if sent < len(data):
            self._transport.write(data[sent:])


async def serve(port: int, events: int) -> None:
    """Serve on `127.0.0.1:port` until cancelled; the port is printed once the socket listens."""
    answers, served = precompute(events), Served()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: MockUpstream(answers, served), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--events", type=int, default=20, help="content events of a streamed answer")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(options.port, options.events))


if __name__ == "__main__":
    main()
