"""A client that leaves in the middle of an answer."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

from tests.fake_upstream import Hang

if TYPE_CHECKING:
    from tests.fake_upstream import FakeUpstream
    from tests.processes import Pointsman


def seconds_until_cancelled(
    gateway: Pointsman, upstream: FakeUpstream, path: str, asked: dict[str, Any], *, stream: bool
) -> float:
    """Ask, leave while the upstream hangs, and say how soon the upstream saw its own caller leave."""
    upstream.script(Hang(after_events=3 if stream else 0))
    body = json.dumps(asked).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(head + body)
        assert upstream.wait_for_requests(1)
        if stream:
            assert client.recv(65536)
        left = time.monotonic()
    request = upstream.requests[0]
    while request.disconnected_after_s is None and time.monotonic() < left + 5:
        time.sleep(0.002)
    assert request.disconnected_after_s is not None
    return request.received_at_s + request.disconnected_after_s - left
