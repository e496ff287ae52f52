"""Server-sent events: splitting bytes into events, and framing events into bytes.

Grammar: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

DONE = b"[DONE]"


def frame(data: bytes) -> bytes:
    """One event with `data`, which holds no line break, as JSON does not."""
    return b"data: " + data + b"\n\n"


class EventSplitter:
    """Turns chunks of bytes, cut anywhere, into the `data` of whole events.

    Comments, event names, ids and retry hints are dropped: no OpenAI-shaped stream gives them a meaning.
    """

    def __init__(self, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._buffer = b""
        self._max = max_event_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """Events completed by `chunk`, in order. `ValueError` if one event grows past the limit."""
        data = self._buffer + chunk if self._buffer else chunk
        if b"\r" in data:
            # A CR at the very end may be half of a CRLF: keep it back until the next chunk tells.
            data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        *blocks, self._buffer = data.split(b"\n\n")
        if len(self._buffer) > self._max:
            raise ValueError("an event of the stream is too large")
        return [event for block in blocks if (event := _data_of(block)) is not None]

    def finish(self) -> list[bytes]:
        """The last event when the stream ended without its blank line."""
        block, self._buffer = self._buffer.rstrip(b"\r\n"), b""
        event = _data_of(block)
        return [] if event is None else [event]


def _data_of(block: bytes) -> bytes | None:
    """The data lines of one block joined by line feeds; None when it has none."""
    if block.startswith(b"data: ") and b"\n" not in block:  # nearly every event of every provider
        return block[6:]
    lines = [
        line[5:].removeprefix(b" ")
        for line in block.split(b"\n")
        if line.startswith(b"data:") or line == b"data"
    ]
    return b"\n".join(lines) if lines else None
