"""`/admin/v1/keys`: make, show, replace and revoke the keys of clients."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.grants import EVERYTHING, Scopes
from gateway.records.keys import NewKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.keyring import Pepper
    from gateway.records.keys import Keys, StoredKey

_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
_RESPONSES: dict[int | str, dict[str, object]] = {
    401: {"description": "The admin key is missing or wrong."},
    403: {"description": "The admin API is closed; the message says why."},
    503: {"description": "The database does not answer; nothing was changed."},
}
_GONE: dict[int | str, dict[str, object]] = {404: {"description": "No such key, or none that is active."}}


class KeyAsked(BaseModel):
    """What a key is to be."""

    model_config = ConfigDict(extra="forbid")

    id: _Name = Field(description="Names it in records, spans and policies.")
    tenant: _Name = "default"
    expires_in_s: Annotated[float, Field(gt=0)] | None = Field(None, description="For good when absent.")
    scopes: Scopes = EVERYTHING


class RotationAsked(BaseModel):
    """How a key is replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_s: Annotated[float, Field(ge=0)] = Field(86_400, description="How long old secrets stay valid.")


class KeyMade(BaseModel):
    """A secret, shown this once."""

    id: str
    key: str


class KeyOut(BaseModel):
    """One secret of a key, without the secret."""

    id: str
    state: str
    tenant: str
    scopes: Scopes
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class KeysOut(BaseModel):
    """Every secret, by name and age."""

    keys: list[KeyOut]


def key_routes(keys: Keys, pepper: Pepper, admit: Callable[[Mapping[str, str]], None]) -> APIRouter:
    """The routes; `admit` raises for whoever may not use them."""

    def guard(request: Request) -> None:
        admit(request.headers)

    routes = APIRouter(prefix="/admin/v1/keys", tags=["keys"], dependencies=[Depends(guard)])

    @routes.get("", summary="Every key, without its secret", responses=_RESPONSES)
    async def read() -> KeysOut:
        return KeysOut(keys=[_out(row) for row in await keys.all()])

    @routes.post(
        "", summary="Make a key; its secret is shown this once", status_code=201,
        responses=_RESPONSES | {409: {"description": "There is a key of this name."}},
    )  # fmt: skip
    async def create(asked: KeyAsked) -> KeyMade:
        expires_at = None if asked.expires_in_s is None else time.time() + asked.expires_in_s
        scopes = asked.scopes.model_dump(mode="json", exclude_none=True)
        new = NewKey(asked.id, asked.tenant, scopes, {}, expires_at)
        return KeyMade(id=asked.id, key=await keys.create(new, pepper.make()))

    @routes.post("/{id}/rotate", summary="A new secret for a key", responses=_RESPONSES | _GONE)
    async def rotate(id: str, asked: RotationAsked) -> KeyMade:
        return KeyMade(id=id, key=await keys.rotate(id, pepper.make(), asked.overlap_s))

    @routes.delete("/{id}", summary="Revoke a key, for good", status_code=204, responses=_RESPONSES | _GONE)
    async def revoke(id: str) -> None:
        await keys.revoke(id)

    return routes


def _out(row: StoredKey) -> KeyOut:
    return KeyOut(
        id=row.id,
        state=row.state(time.time()),
        tenant=row.tenant,
        scopes=Scopes.model_validate(row.scopes),
        created_at=_iso(row.created_at) or "",
        expires_at=_iso(row.expires_at),
        revoked_at=_iso(row.revoked_at),
    )


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
