"""What answers on the console's port as long as there is no console."""

from __future__ import annotations

import asyncio
import json

_ERROR = {
    "message": "The console is not built yet; the API is on the gateway's port.",
    "type": "invalid_request_error",
    "param": None,
    "code": "not_built_yet",
}
_BODY = json.dumps({"error": _ERROR}).encode()
_ANSWER = (
    b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)
_PATIENCE_S = 5.0


async def not_built_yet(host: str, port: int) -> asyncio.Server | None:
    """Answer 404 to everything on `port`; None when the port is taken, which is no reason not to start."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(_ANSWER)
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, host, port)
    except OSError:
        return None
