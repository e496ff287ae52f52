"""Pooled connections to OpenAI-compatible servers, and what their refusals mean."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

import aiohttp

from gateway.execute import failures

if TYPE_CHECKING:
    from gateway.errors import AttemptError
    from gateway.execute.catalogue import Endpoint

CONNECT_S: Final = 5.0
"""Longest wait for a connection."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Largest answer that is taken as a whole."""
_UNIX: Final = "unix://"
_MAX_ERROR_BYTES: Final = 64 * 1024


class Connections:
    """A session per way of connecting."""

    def __init__(self, *, limit: int) -> None:
        """`limit`: connections at once over all hosts of a session; 0 for any number."""
        self._limit = limit
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._trusts: dict[tuple[str | None, bool], ssl.SSLContext | bool] = {}

    def session(self, url: str) -> tuple[aiohttp.ClientSession, str]:
        """The session for a base URL, and the base URL to use with it."""
        path = url.removeprefix(_UNIX) if url.startswith(_UNIX) else ""
        session = self._sessions.get(path)
        if session is None:
            connector: aiohttp.BaseConnector = (
                aiohttp.UnixConnector(path=path, limit=self._limit)
                if path
                else aiohttp.TCPConnector(limit=self._limit, ttl_dns_cache=60)
            )
            session = self._sessions[path] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),  # one caller's cookie must never reach another's call
                auto_decompress=True,
                trust_env=not path and bool(getproxies()),  # asking for each request costs a thread hop
            )
        return session, "http://worker/v1" if path else url

    def route(self, endpoint: Endpoint) -> dict[str, Any]:
        """How to connect where an upstream says more than its URL: its proxy and its authorities."""
        if endpoint.proxy is None and endpoint.ca_file is None and endpoint.verify:
            return {}
        key = (endpoint.ca_file, endpoint.verify)
        trust = self._trusts.get(key)
        if trust is None:
            trust = ssl.create_default_context(cafile=endpoint.ca_file) if endpoint.verify else False
            self._trusts[key] = trust
        return {"proxy": endpoint.proxy, "ssl": trust}

    async def close(self) -> None:
        """Close every session."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


async def rejection(provider: str, response: aiohttp.ClientResponse) -> AttemptError:
    """What an answer with another status than 200 stands for; closes it."""
    try:
        body = await response.content.read(_MAX_ERROR_BYTES)
    finally:
        response.close()
    return failures.from_status(provider, response.status, response.headers, body)


def number(value: str | None) -> float | None:
    """The number in a header; None where there is none."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
