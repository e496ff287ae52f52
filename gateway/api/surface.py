"""The endpoints that generate, by path: they bypass FastAPI, whose layers cost more than the gateway itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.chat import Chat
from gateway.api.endpoint import Endpoint

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from gateway.api.dialect import Dialect
    from gateway.services import Services


def generating(services: Services) -> dict[str, ASGIApp]:
    """Path -> application."""
    dialects: dict[str, Dialect] = {"/v1/chat/completions": Chat()}
    return {path: app for name, dialect in dialects.items() for path, app in _at(name, dialect, services)}


def _at(path: str, dialect: Dialect, services: Services) -> list[tuple[str, ASGIApp]]:
    """Under its path, and without `/v1` for clients whose base URL lacks it."""
    endpoint = Endpoint(
        dialect,
        services.pipeline,
        services.authenticator,
        int(services.settings.max_body_mb * 1_000_000),
        services.recorder.reject,
    )
    return [(path, endpoint), (path.removeprefix("/v1"), endpoint)]
