"""Requests that go to one model as they are: bytes in, bytes out, whatever they mean."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

import aiohttp
from msgspec import Struct

from gateway.errors import BadCompletion
from gateway.execute import failures

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from gateway.execute.catalogue import Endpoint

_UNIX: Final = "unix://"
_CONNECT_S: Final = 5.0
_SILENCE_S: Final = 300.0
"""Longest wait for the next bytes: a long recording takes minutes to transcribe."""
_MAX_ERROR_BYTES: Final = 64 * 1024
_MAX_BYTES: Final = 64 * 1024 * 1024


class Relayed(Struct, frozen=True):
    """An answer that has begun."""

    content_type: str
    chunks: AsyncGenerator[bytes, None]
    """Close it to cancel the call behind it."""
    compute_ms: float | None = None


class Relay:
    """Posts to OpenAI-compatible servers over pooled connections."""

    def __init__(self) -> None:
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def open(
        self, endpoint: Endpoint, path: str, body: bytes, content_type: str, trace: str | None
    ) -> Relayed:
        """Send `body` to `path` below the endpoint's base URL; raises `AttemptError`."""
        headers = {"content-type": content_type, "user-agent": "pointsman", **(endpoint.headers or {})}
        if endpoint.key:
            headers["authorization"] = f"Bearer {endpoint.key}"
        if trace and endpoint.lane == "worker":
            headers["traceparent"] = trace
        session, base = self._session(str(endpoint.url))
        try:
            response = await session.post(
                base + path, data=body, headers=headers, allow_redirects=False, **_by_way_of(endpoint)
            )
            if response.status != 200:
                raise await _rejection(endpoint.provider, response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failures.from_exception(endpoint.provider, error) from error
        return Relayed(
            response.headers.get("content-type", "application/octet-stream"),
            _read(endpoint.provider, response),
            _compute_ms(response.headers),
        )

    async def close(self) -> None:
        """Release connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _session(self, url: str) -> tuple[aiohttp.ClientSession, str]:
        """A session per way of connecting, and the base URL to use with it."""
        path = url.removeprefix(_UNIX) if url.startswith(_UNIX) else ""
        session = self._sessions.get(path)
        if session is None:
            session = self._sessions[path] = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=path)
                if path
                else aiohttp.TCPConnector(ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),  # one caller's cookie must never reach another's call
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S),
                trust_env=not path and bool(getproxies()),
            )
        return session, "http://worker/v1" if path else url


def _by_way_of(endpoint: Endpoint) -> dict[str, Any]:
    """The proxy and the authorities of an upstream that has its own."""
    if endpoint.proxy is None and endpoint.ca_file is None and endpoint.verify:
        return {}
    trust = ssl.create_default_context(cafile=endpoint.ca_file) if endpoint.verify else False
    return {"proxy": endpoint.proxy, "ssl": trust}


async def _rejection(provider: str, response: aiohttp.ClientResponse) -> Exception:
    try:
        body = await response.content.read(_MAX_ERROR_BYTES)
    finally:
        response.close()
    return failures.from_status(provider, response.status, response.headers, body)


async def _read(provider: str, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > _MAX_BYTES:
                raise BadCompletion(f"`{provider}` sent more than {_MAX_BYTES // 2**20} MiB as one answer.")
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise failures.from_exception(provider, error) from error
    finally:
        response.close()  # after the whole body this gives the connection back


def _compute_ms(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers["x-pointsman-compute-ms"])
    except (KeyError, ValueError):
        return None
