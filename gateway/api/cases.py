"""The text of a policy's case as a request."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from gateway.api.wire import build_call
from gateway.types import CacheDirective, Caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.types import Call
    from policies.model import Message


def default_call(text: str | Sequence[Message]) -> Call:
    """The default request with this prompt, or these messages."""
    messages = (
        [{"role": "user", "content": text}]
        if isinstance(text, str)
        else [message.model_dump() for message in text]
    )
    return build_call(
        json.dumps({"model": "auto", "messages": messages}).encode(),
        request_id="",
        caller=Caller(),
        headers={},
        cache=CacheDirective(),
        received_ns=time.time_ns(),
    )
