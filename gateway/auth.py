"""Who is calling: bearer keys, compared by digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gateway.errors import Unauthorised
from gateway.types import Caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.config import Key

_HOW = "Send it as `Authorization: Bearer <key>`."


class Authenticator:
    """Maps a presented key to its caller. Without any key configured everybody is the default caller.

    Keys are looked up by SHA-256, so no comparison depends on how much of a secret was guessed right.
    """

    def __init__(self, keys: Sequence[Key], single_key: str | None = None) -> None:
        self._callers = {key.sha256: Caller(tenant=key.tenant, key=key.id) for key in keys}
        if single_key:
            self._callers[digest(single_key)] = Caller(key="default")

    @property
    def open(self) -> bool:
        """Whether anybody may call."""
        return not self._callers

    def authenticate(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names; `Unauthorised` says what is wrong with it."""
        if not self._callers:
            return Caller()
        if not authorization:
            raise Unauthorised(f"This gateway needs an API key and the request has none. {_HOW}")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorised(f"The `Authorization` header is not a bearer key. {_HOW}")
        caller = self._callers.get(digest(key.strip()))
        if caller is None:
            raise Unauthorised(
                "The API key is not known here; check it for typing errors, or ask for a new one."
            )
        return caller


def digest(key: str) -> str:
    """SHA-256 of a key in hex, the form in which gateway.yaml keeps it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
