"""The endpoints that do not go through FastAPI, by path: its layers would cost more than the gateway itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.api.anthropic.count import CountTokens
from gateway.api.anthropic.messages import Messages
from gateway.api.chat import Chat
from gateway.api.completions import Completions
from gateway.api.entry import Entry, Gate
from gateway.api.generation import Generation
from gateway.api.passthrough import PassThrough
from gateway.api.responses.endpoint import Responses
from gateway.api.route import Routing

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from gateway.api.dialect import Dialect
    from gateway.api.entry import Service
    from gateway.services import Services


def hot_endpoints(services: Services) -> dict[str, ASGIApp]:
    """Path -> application; each also without `/v1`, for clients whose base URL lacks it."""
    gate = Gate(
        services.authenticator,
        int(services.settings.max_body_mb * 1_000_000),
        services.recorder.reject,
    )
    found: dict[str, ASGIApp] = {}
    for path, service in _services(services).items():
        found[path] = found[path.removeprefix("/v1")] = Entry(service, gate)
    return found


def _services(services: Services) -> dict[str, Service]:
    def generating(dialect: Dialect) -> Generation:
        return Generation(dialect, services.pipeline, services.recorder.reject)

    return {
        "/v1/chat/completions": generating(Chat()),
        "/v1/completions": generating(Completions()),
        "/v1/messages": generating(Messages()),
        "/v1/messages/count_tokens": CountTokens(services.classifier),
        "/v1/responses": generating(Responses(services.responses)),
        "/v1/embeddings": PassThrough(services.direct, "/embeddings"),
        "/v1/moderations": PassThrough(services.direct, "/moderations", default="omni-moderation-latest"),
        "/v1/audio/speech": PassThrough(services.direct, "/audio/speech"),
        "/v1/audio/transcriptions": PassThrough(services.direct, "/audio/transcriptions", form=True),
        "/v1/audio/translations": PassThrough(services.direct, "/audio/translations", form=True),
        "/v1/route": Routing(services.classifier, lambda: services.policy.current),
    }
