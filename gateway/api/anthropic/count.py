"""`POST /v1/messages/count_tokens`: an estimate, since which model will answer is not decided yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gateway.api import http
from gateway.api.anthropic.errors import error_body
from gateway.api.anthropic.request import chat_request
from gateway.api.chat import call_of
from gateway.api.entry import JSON
from gateway.api.headers import stamped
from gateway.api.wire import decode_object
from gateway.classify import classify

if TYPE_CHECKING:
    from starlette.types import Send

    from gateway.api.entry import Arrival
    from gateway.classify import Classifier
    from gateway.errors import GatewayError

_CHARS_PER_TOKEN: Final = 4
_IMAGE_TOKENS: Final = 1600
"""What Anthropic counts for an image of its largest unscaled size, 1.15 megapixels."""


class CountTokens:
    """Counts as routing does: the classifier's tokens, four characters each for tools, a flat number an image."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    async def serve(self, body: bytes, arrival: Arrival, send: Send) -> None:
        chat = chat_request(decode_object(body), counting=True)
        call = call_of(msgspec.json.encode(chat), arrival)
        signals = await classify(self._classifier, call.text)
        tools = call.fields.get("tools")
        images = sum(
            part["type"] == "image_url"
            for message in chat["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
        )
        tokens = signals.tokens + images * _IMAGE_TOKENS
        tokens += len(bytes(tools)) // _CHARS_PER_TOKEN if tools else 0
        answer = msgspec.json.encode({"input_tokens": tokens})
        await http.send_whole(send, 200, stamped(arrival.request_id, arrival.received_ns), answer, JSON)

    def refuse(self, error: GatewayError, request_id: str) -> tuple[bytes, http.Headers]:
        return error_body(error, request_id), [(b"request-id", request_id.encode())]
