"""Requests that go to one model as they are: bytes in, bytes out, whatever they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp
from msgspec import Struct

from gateway.errors import BadCompletion
from gateway.execute import failures
from gateway.execute.connections import CONNECT_S, MAX_ANSWER_BYTES, Connections, number, rejection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gateway.execute.catalogue import Endpoint

_SILENCE_S: Final = 300.0
"""Longest wait for the next bytes: a long recording takes minutes to transcribe."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=_SILENCE_S)
_LIMIT: Final = 100
"""Connections at once; nothing else bounds these calls."""


class Relayed(Struct, frozen=True):
    """An answer that has begun."""

    content_type: str
    chunks: AsyncGenerator[bytes, None]
    """Close it to cancel the call behind it."""
    compute_ms: float | None = None


class Relay:
    """Posts to OpenAI-compatible servers over pooled connections."""

    def __init__(self) -> None:
        self._connections = Connections(limit=_LIMIT)

    async def open(
        self, endpoint: Endpoint, path: str, body: bytes, content_type: str, trace: str | None
    ) -> Relayed:
        """Send `body` to `path` below the endpoint's base URL; raises `AttemptError`."""
        headers = {"content-type": content_type, "user-agent": "pointsman", **(endpoint.headers or {})}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        if trace and endpoint.lane == "worker":
            headers["traceparent"] = trace
        session, base = self._connections.session(str(endpoint.url))
        try:
            response = await session.post(
                base + path,
                data=body,
                headers=headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
                **self._connections.route(endpoint),
            )
            if response.status != 200:
                raise await rejection(endpoint.provider, response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failures.from_exception(endpoint.provider, error) from error
        return Relayed(
            response.headers.get("content-type", "application/octet-stream"),
            _read(endpoint.provider, response),
            number(response.headers.get("x-pointsman-compute-ms")),
        )

    async def close(self) -> None:
        """Release connections."""
        await self._connections.close()


async def _read(provider: str, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise BadCompletion(
                    f"`{provider}` sent more than {MAX_ANSWER_BYTES // 2**20} MiB as one answer."
                )
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise failures.from_exception(provider, error) from error
    finally:
        response.close()  # after the whole body this gives the connection back
