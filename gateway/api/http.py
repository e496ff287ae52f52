"""Plain ASGI for the hot endpoints: reading a bounded body, sending bytes, noticing that the client has left.

FastAPI's routing, dependency and response layers cost 150-250 µs a request; here they are not in the way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import RequestTimeout, TooLarge, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
_UNWATCHED_S = 0.02
_BODY_S = 60.0


class ClientLeft(Exception):
    """The client closed the connection."""


def read_headers(scope: Scope) -> dict[str, str]:
    """Request headers by lower-case name; of a repeated one the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def authorization(headers: dict[str, str]) -> str | None:
    """What the caller presents as `Authorization`; some clients have a header of its own for the key."""
    presented = headers.get("authorization")
    if presented is None and (key := headers.get("x-api-key") or headers.get("api-key")):
        return f"Bearer {key}"
    return presented


async def read_body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body; raises `TooLarge` before more than `limit` bytes are kept."""
    if headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMedia("Compressed request bodies are not accepted; send the JSON as it is.")
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(_BODY_S):
            return await _receive_body(receive, limit)
    except TimeoutError:
        raise RequestTimeout(
            f"The request body did not arrive within {_BODY_S:g} s; send it again, faster or smaller."
        ) from None


async def _receive_body(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The request body is larger than {limit / 1e6:g} MB; send less, or raise POINTSMAN_MAX_BODY_MB."
    )


async def send_whole(send: Send, status: int, headers: Headers, body: bytes, content_type: bytes) -> None:
    """A complete response."""
    length = str(len(body)).encode()
    fixed = [(b"content-type", content_type), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": fixed + headers})
    await send({"type": "http.response.body", "body": body})


async def until_client_leaves(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Run `work`, and cancel it as soon as the client disconnects: servers do not do this by themselves.

    Raises `ClientLeft` after the cancelled work has cleaned up. What is done within 20 ms is not watched.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    watchers: list[asyncio.Task[None]] = []

    def watch() -> None:
        if task is not None:
            watchers.append(loop.create_task(_cancel_on_disconnect(receive, task)))

    timer = loop.call_later(_UNWATCHED_S, watch)
    try:
        await work
    except asyncio.CancelledError:
        if task is None or not any(watcher.done() for watcher in watchers) or task.uncancel() > 0:
            raise  # somebody else wants this task to end
        raise ClientLeft from None
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def _cancel_on_disconnect(receive: Receive, task: asyncio.Task[object]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
