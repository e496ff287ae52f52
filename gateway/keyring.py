"""The keys of the database in memory: read again within a second of any change, and never open by mistake."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from pydantic import ValidationError

from gateway.errors import RecordsUnavailable, StartupError
from gateway.grants import Scopes
from gateway.records.keys import PREFIX, Keys, StoredKey, digest, pepper_id
from gateway.types import Caller
from policies.findings import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.settings import Settings

log = logging.getLogger("pointsman.keys")
PEPPER_FILE: Final = "key.pepper"
_EVERY_S: Final = 0.5
_PEPPER_BYTES: Final = 32


class Entry(Struct, frozen=True):
    """A secret that is valid until `expires_at` (Unix seconds; None: for good)."""

    caller: Caller
    expires_at: float | None


class KeyRing:
    """Looks up keys of the database. When it does not answer, the keys of before go on and no other is valid."""

    def __init__(self, keys: Keys, pepper: Pepper) -> None:
        self.keys = keys
        self.pepper = pepper
        self._secret: bytes | None = None
        self._entries: dict[str, Entry] = {}
        self._revision: tuple[int, int] | None = None
        self._silent = False

    @property
    def in_use(self) -> bool:
        """Whether the database has ever had a key: then nobody comes in without one, though all are revoked."""
        return self._revision is not None and self._revision[0] > 0

    def find(self, key: str) -> Entry | None:
        """The entry of a presented key; None when it is not valid, or was not."""
        if self._secret is None or not key.startswith(PREFIX):
            return None
        return self._entries.get(digest(key, self._secret))

    async def start(self) -> None:
        """Read the keys before the first request; raises `StartupError`, for without them nobody can be told apart."""
        try:
            await self._read()
        except RecordsUnavailable as error:
            raise StartupError([Finding("error", "keys", 1, 1, error.message)]) from error

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow changes until the block ends. `start` comes first."""
        task = asyncio.create_task(self._follow(), name="keys")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self._read()
                self._silent = False
            except RecordsUnavailable as error:
                if not self._silent:
                    log.error("keys are as they were, changes are not seen: %s", error.message)
                self._silent = True

    async def _read(self) -> None:
        revision = await self.keys.revision()
        if revision == self._revision:
            return
        rows = await self.keys.all()
        self._secret = self.pepper.read()
        known = pepper_id(self._secret) if self._secret else None
        now = time.time()
        valid = [row for row in rows if row.state(now) == "active"]
        foreign = [row.id for row in valid if row.pepper != known]
        if foreign:
            log.error(
                "%d key(s) are not valid here, e.g. `%s`: they were made with another pepper; set "
                "POINTSMAN_KEY_PEPPER alike everywhere, or copy %s",
                len(foreign), foreign[0], self.pepper.path,
            )  # fmt: skip
        entries = {row.digest: _entry(row) for row in valid if row.pepper == known}
        self._entries = {name: entry for name, entry in entries.items() if entry is not None}
        self._revision = revision
        if rows:
            log.info("%d key(s) of the database are valid", len(self._entries))


class Pepper:
    """The secret that keys are hashed with: from the settings, else from a file that only its owner may read."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.data_dir / PEPPER_FILE
        given = settings.key_pepper
        self._given = given.get_secret_value().encode() if given is not None else None

    def read(self) -> bytes | None:
        """The pepper; None where there is none yet."""
        if self._given is not None:
            return self._given
        try:
            return bytes.fromhex(self.path.read_text().strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.error("the pepper of keys in %s cannot be read (%s): no key of the database is valid",
                      self.path, type(error).__name__)  # fmt: skip
            return None

    def make(self) -> bytes:
        """The pepper, made at the first time. Raises `StartupError` where it cannot be kept."""
        if (found := self.read()) is not None:
            return found
        if self.path.exists():
            raise StartupError(
                [Finding("error", str(self.path), 1, 1, "is not 64 hex digits that can be read")]
            )
        made = secrets.token_bytes(_PEPPER_BYTES)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(self.path, made.hex())
        except FileExistsError:
            return self.make()
        except OSError as error:
            words = f"the pepper of keys cannot be kept: {(error.strerror or 'failed').lower()}"
            raise StartupError([Finding("error", str(self.path), 1, 1, words)]) from error
        return made


def _write_new(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, for its owner's eyes."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(part, path)  # unlike a rename it fails when another process was first
    finally:
        part.unlink()


def _entry(row: StoredKey) -> Entry | None:
    try:
        scopes = Scopes.model_validate(row.scopes)
    except ValidationError:
        log.error("the key `%s` is not valid here: its scopes are of a newer release", row.id)
        return None
    caller = Caller(row.tenant, row.id, scopes if scopes.limited else None)
    return Entry(caller, row.expires_at)
