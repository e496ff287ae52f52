"""One text field of a multipart form (RFC 7578), read or replaced; the rest of the form stays as it is."""

from __future__ import annotations

from email.message import Message
from typing import NamedTuple

from gateway.errors import InvalidRequest, UnsupportedMedia

_LONGEST_FIELD = 256


class _Span(NamedTuple):
    """Where the value of a field lies in the body."""

    start: int
    end: int


def read_field(body: bytes, content_type: str, name: str) -> str | None:
    """The value of a field; None when the form has none of this name. Raises `UnsupportedMedia`, `InvalidRequest`."""
    span = _find(body, content_type, name)
    if span is None:
        return None
    value = body[span.start : span.end]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or len(value) > _LONGEST_FIELD:
        raise InvalidRequest(f"`{name}` must be a short text.", param=name)
    return text


def replace_field(body: bytes, content_type: str, name: str, value: str) -> bytes:
    """The form with another value of this field, which it has."""
    span = _find(body, content_type, name)
    if span is None:
        return body
    return body[: span.start] + value.encode() + body[span.end :]


def _find(body: bytes, content_type: str, name: str) -> _Span | None:
    delimiter = b"--" + _boundary(content_type)
    at = body.find(delimiter)
    while at >= 0:
        start = at + len(delimiter)
        following = body.find(b"\r\n" + delimiter, start)
        if following < 0:
            return None
        head_end = body.find(b"\r\n\r\n", start, following)
        if head_end >= 0 and _named(body[start:head_end]) == name:
            return _Span(head_end + 4, following)
        at = following + 2
    return None


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["content-type"] = content_type or "application/octet-stream"
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise UnsupportedMedia("This endpoint takes a form: send it as `multipart/form-data`.")
    return boundary.encode("latin-1", "replace")


def _named(head: bytes) -> str | None:
    """The `name` in a part's `Content-Disposition`."""
    message = Message()
    for line in head.decode("latin-1").split("\r\n"):
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() == "content-disposition":
            message["content-disposition"] = value.strip()
    name = message.get_param("name", header="content-disposition")
    return name if isinstance(name, str) else None
