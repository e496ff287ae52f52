"""`POST /v1/feedback`: a grade for an answer, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from gateway.api import http
from gateway.errors import InvalidRequest
from gateway.records.grades import Grade

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

_MAX_BYTES: Final = 64_000
_MAX_COMMENT: Final = 2_000
_SCORES: Final = {"good": 1.0, "bad": 0.0}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    request_id: str
    score: float | None = None
    rating: Literal["good", "bad"] | None = None
    comment: str | None = None


async def read_feedback(receive: Receive, scope: Scope) -> Grade:
    """The grade in a request body; raises `InvalidRequest` that says what to change."""
    raw = await http.read_body(receive, http.read_headers(scope), _MAX_BYTES)
    try:
        body = msgspec.json.decode(raw, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"The feedback cannot be read: {error}. Send `request_id`, and `score` from 0 to 1 or `rating`."
        ) from None
    if (body.score is None) == (body.rating is None):
        raise InvalidRequest("Send either `score`, 0 to 1, or `rating`, good or bad.", param="score")
    score = _SCORES[body.rating] if body.rating is not None else body.score
    if score is None or not 0.0 <= score <= 1.0:
        raise InvalidRequest(f"`score` is {score}; it must lie between 0 and 1.", param="score")
    if body.comment is not None and len(body.comment) > _MAX_COMMENT:
        raise InvalidRequest(
            f"`comment` has {len(body.comment)} characters; at most {_MAX_COMMENT} are kept.", param="comment"
        )
    if not 0 < len(body.request_id) <= 64 or "\x00" in body.request_id + (body.comment or ""):
        raise InvalidRequest(
            "`request_id` must be what the response header `x-request-id` said, and no text may have a NUL in it.",
            param="request_id",
        )
    return Grade(body.request_id, score, body.comment)
