"""Keys of clients in the database: only their HMAC, with what they are good for and how long.

One row a secret. A key that is rotated has two for a while; a revoked one keeps its row, so that its name tells who it
was.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import KeyConflict, RecordsUnavailable, UnknownKey
from gateway.records.models import ApiKeyRow
from gateway.records.store import SqlRecordStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

PREFIX: Final = "pm_"
_PATIENCE_S: Final = 5.0
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One secret of a key, without the secret. Times are Unix seconds."""

    id: str
    digest: str
    pepper: str
    """Which pepper it was made with; see `pepper_id`."""
    tenant: str
    scopes: Mapping[str, Any]
    limits: Mapping[str, Any]
    created_at: float
    expires_at: float | None
    revoked_at: float | None

    def state(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be."""

    id: str
    tenant: str
    scopes: Mapping[str, Any]
    limits: Mapping[str, Any]
    expires_at: float | None


class Keys:
    """The keys in one database. Every method may raise `RecordsUnavailable`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, new: NewKey, pepper: bytes) -> str:
        """Keep a new key and return its secret, which is nowhere else. Raises `KeyConflict` if the name is in use."""
        async with _transaction(self._engine) as connection:
            if await _rows(connection, new.id):
                raise KeyConflict(
                    f"There is a key `{new.id}` already; rotate it, or choose another name.", param="id"
                )
            return await _insert(connection, new, pepper)

    async def rotate(self, id: str, pepper: bytes, overlap_s: float) -> str:
        """A new secret for a key; the old ones go on for `overlap_s`. Raises `UnknownKey` unless it is active."""
        now = time.time()
        async with _transaction(self._engine) as connection:
            active = [row for row in await _rows(connection, id) if row.state(now) == "active"]
            if not active:
                raise UnknownKey(f"There is no active key `{id[:64]}`; create one.", param="id")
            last = max(active, key=lambda row: row.created_at)
            until = now + overlap_s
            earlier = func.least if connection.dialect.name == "postgresql" else func.min
            ends = earlier(func.coalesce(ApiKeyRow.expires_at, until), until)
            await _change(connection, id, expires_at=ends)
            same = NewKey(id, last.tenant, last.scopes, last.limits, last.expires_at)
            return await _insert(connection, same, pepper)

    async def revoke(self, id: str) -> None:
        """Make every secret of a key invalid. Raises `UnknownKey`; a second time changes nothing."""
        async with _transaction(self._engine) as connection:
            if not await _rows(connection, id):
                raise UnknownKey(f"There is no key `{id[:64]}`.", param="id")
            await _change(connection, id, revoked_at=time.time())

    async def all(self) -> list[StoredKey]:
        """Every secret, by name and age."""
        async with _transaction(self._engine) as connection:
            return await _rows(connection)

    async def revision(self) -> tuple[int, int]:
        """Changes with every change of any key, and with nothing else: no clock is in it."""
        query = select(func.count(), func.coalesce(func.sum(ApiKeyRow.revision), 0))
        async with _transaction(self._engine) as connection:
            count, total = (await connection.execute(query)).one()
            return int(count), int(total)


def digest(key: str, pepper: bytes) -> str:
    """HMAC-SHA256 of a key in hex. Fast hashes are fit for keys of 256 random bits, never for passwords."""
    return hmac.digest(pepper, key.encode("utf-8", "surrogatepass"), "sha256").hex()


def pepper_id(pepper: bytes) -> str:
    """Tells peppers apart without saying anything about them."""
    return hmac.digest(pepper, b"pointsman pepper", hashlib.sha256).hex()[:16]


def any_key(url: str) -> bool:
    """Whether the database at `url` has ever had a key; False where there is no database. Blocks."""
    found: list[bool] = []

    async def look() -> None:
        engine = SqlRecordStore(url, lambda _: None).engine
        try:
            async with engine.connect() as connection:
                tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
                if ApiKeyRow.__tablename__ in tables:
                    count = await connection.scalar(select(func.count()).select_from(ApiKeyRow))
                    found.append(bool(count))
        except (SQLAlchemyError, OSError):
            found.append(False)
        finally:
            await engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join()
    return any(found)


@contextlib.asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction within a time limit; what goes wrong with the database is `RecordsUnavailable`."""
    try:
        async with asyncio.timeout(_PATIENCE_S), engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise _unavailable(error) from error


def _unavailable(error: BaseException) -> RecordsUnavailable:
    return RecordsUnavailable(
        f"The database with the keys does not answer ({type(error).__name__}); nothing was changed. Try again later."
    )


async def _rows(connection: AsyncConnection, id: str | None = None) -> list[StoredKey]:
    row = ApiKeyRow
    query = select(
        row.id, row.digest, row.pepper, row.tenant, row.scopes, row.limits,
        row.created_at, row.expires_at, row.revoked_at,
    ).order_by(row.id, row.created_at)  # fmt: skip
    if id is not None:
        query = query.where(row.id == id)
    return [StoredKey(*found) for found in await connection.execute(query)]


async def _insert(connection: AsyncConnection, new: NewKey, pepper: bytes) -> str:
    key = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    values = {
        "digest": digest(key, pepper),
        "id": new.id,
        "pepper": pepper_id(pepper),
        "tenant": new.tenant,
        "scopes": dict(new.scopes),
        "limits": dict(new.limits),
        "created_at": time.time(),
        "expires_at": new.expires_at,
        "revoked_at": None,
        "revision": 1,
    }
    await connection.execute(insert(ApiKeyRow).values(values))
    return key


async def _change(connection: AsyncConnection, id: str, **values: object) -> None:
    where = (ApiKeyRow.id == id, ApiKeyRow.revoked_at.is_(None))
    changed = {**values, "revision": ApiKeyRow.revision + 1}
    await connection.execute(update(ApiKeyRow).where(*where).values(changed))
