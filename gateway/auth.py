"""Who is calling: bearer keys, compared by digest; and who may administer."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.errors import Forbidden, Unauthorised
from gateway.types import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.config import Key
    from gateway.keyring import KeyRing

_PROXIED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
_HOW = "Send it as `Authorization: Bearer <key>`."


class Authenticator:
    """Maps a presented key to its caller. Without any key configured everybody is the default caller.

    Keys are looked up by SHA-256, so no comparison depends on how much of a secret was guessed right.
    """

    def __init__(self, keys: Sequence[Key], single_key: str | None = None) -> None:
        self._ring: KeyRing | None = None
        self._callers = {
            key.sha256: Caller(key.tenant, key.id, key.scopes if key.scopes.limited else None) for key in keys
        }
        if single_key:
            self._callers[digest(single_key)] = Caller(key="default")

    def follow(self, ring: KeyRing) -> None:
        """Take the keys of the database too, which come and go."""
        self._ring = ring

    @property
    def open(self) -> bool:
        """Whether anybody may call."""
        return not self._callers and (self._ring is None or not self._ring.in_use)

    def authenticate(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names; `Unauthorised` says what is wrong with it."""
        if self.open:
            return Caller()
        if not authorization:
            raise Unauthorised(f"This gateway needs an API key and the request has none. {_HOW}")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorised(f"The `Authorization` header is not a bearer key. {_HOW}")
        key = key.strip()
        caller = self._callers.get(digest(key)) if self._callers else None
        return caller or self._in_ring(key)

    def _in_ring(self, key: str) -> Caller:
        entry = self._ring.find(key) if self._ring is not None else None
        if entry is None:
            raise Unauthorised(
                "The API key is not known here; check it for typing errors, or ask for a new one."
            )
        if entry.expires_at is not None and entry.expires_at <= time.time():
            raise Unauthorised(f"The API key `{entry.caller.key}` has expired; ask for a new one.")
        return entry.caller


def authorise(caller: Caller, *, path: str | None = None, model: str | None = None) -> None:
    """Return if the caller's key is good for this path and this model; raises `Forbidden`."""
    scopes = caller.scopes
    if scopes is None:
        return
    if path is not None and not scopes.allows_endpoint(path):
        raise Forbidden(f"The API key `{caller.key}` may not use {path[:80]}; ask for one that may.")
    if model is not None and not scopes.allows_model(model):
        raise Forbidden(
            f"The API key `{caller.key}` may not ask for the model `{model[:80]}`; ask for one that may.",
            param="model",
        )


class AdminGate:
    """Who may use the admin API: whoever has the admin key; without one, this machine, while nobody needs a key."""

    def __init__(
        self, key: str | None, *, closed: str | None, needs_keys: Callable[[], bool] = lambda: False
    ) -> None:
        """`closed` says why the API stays shut without a key; None leaves it open to this machine, as long as
        `needs_keys` says that clients need none."""
        self._digest = digest(key) if key else None
        self._closed = closed
        self._needs_keys = needs_keys

    def admit(self, headers: Mapping[str, str]) -> None:
        """Return if a request with these headers may pass; raises `Unauthorised` or `Forbidden`."""
        if self._digest is None:
            self._admit_local(headers)
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(digest(key.strip()), self._digest):
            raise Unauthorised(
                "The admin API needs the key in POINTSMAN_ADMIN_KEY. Send it as `Authorization: Bearer <key>`; "
                "the keys of clients are not admitted."
            )

    def _admit_local(self, headers: Mapping[str, str]) -> None:
        """No key guards the API, so a web page in the user's browser must not get at it."""
        closed = "clients need keys here, so an administrator needs one too" if self._needs_keys() else None
        if closed := self._closed or closed:
            raise Forbidden(f"The admin API is closed: {closed}. Set POINTSMAN_ADMIN_KEY and send that key.")
        own = headers.get("host", "")
        foreign = headers.get("origin", f"http://{own}").partition("://")[2] != own
        if foreign or not is_loopback(_hostname(own)) or any(name in headers for name in _PROXIED):
            raise Forbidden(
                "Without POINTSMAN_ADMIN_KEY the admin API answers to this machine by its loopback name only, "
                "through no proxy and to no web page from elsewhere. Set the key and send it."
            )


def _hostname(netloc: str) -> str:
    """The host of a `Host` header, without port and brackets; empty when it is malformed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and cannot be reached from another."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def digest(key: str) -> str:
    """SHA-256 of a key in hex, the form in which gateway.yaml keeps it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
