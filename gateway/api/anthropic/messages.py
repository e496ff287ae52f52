"""`POST /v1/messages`: Anthropic's clients, answered by whatever the policy chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.api.anthropic.answer import MessageRendering
from gateway.api.anthropic.errors import error_body
from gateway.api.anthropic.request import chat_request
from gateway.api.chat import call_of
from gateway.api.wire import decode_object

if TYPE_CHECKING:
    from gateway.api.dialect import Rendering
    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.types import Call


class Messages:
    """Anthropic's Messages API."""

    id_header = b"request-id"

    async def read(self, body: bytes, arrival: Arrival) -> tuple[Call, Rendering]:
        chat = chat_request(decode_object(body))
        call = call_of(msgspec.json.encode(chat), arrival)
        stops = chat.get("stop")
        return call, MessageRendering(stops if isinstance(stops, list) else ())

    def envelope(self, error: GatewayError, request_id: str) -> bytes:
        return error_body(error, request_id)
