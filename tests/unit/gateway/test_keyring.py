"""The keys of the database in memory, and what a key is good for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gateway.auth import Authenticator, authorise
from gateway.errors import Forbidden, KeyConflict, RecordsUnavailable, StartupError, Unauthorised, UnknownKey
from gateway.grants import Scopes
from gateway.keyring import Entry, KeyRing, Pepper
from gateway.records.keys import Keys, NewKey
from gateway.records.store import SqlRecordStore
from gateway.settings import Settings
from gateway.types import Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Keys]:
    store = SqlRecordStore(f"sqlite+aiosqlite:///{tmp_path / 'records.db'}", lambda _: None)
    await store.start()
    yield Keys(store.engine)
    await store.close()


@pytest.fixture
def pepper(tmp_path: Path) -> Pepper:
    return Pepper(Settings(data_dir=tmp_path))


def new(name: str = "desk", expires_at: float | None = None) -> NewKey:
    return NewKey(name, "support", {"models": ["auto"]}, {}, expires_at)


async def test_a_key_is_found_by_its_secret(keys: Keys, pepper: Pepper) -> None:
    """With its tenant and scopes; one letter off it is nobody's."""
    key = await keys.create(new(), pepper.make())
    ring = KeyRing(keys, pepper)
    await ring.start()
    found = ring.find(key)
    assert found is not None
    assert (found.caller.tenant, found.caller.key) == ("support", "desk")
    assert found.caller.scopes == Scopes(models=("auto",))
    assert ring.find(key[:-1]) is None and ring.find("sk-other") is None


async def test_a_name_is_used_once(keys: Keys, pepper: Pepper) -> None:
    """A revoked key keeps its name: records of before must not become another's."""
    await keys.create(new(), pepper.make())
    await keys.revoke("desk")
    with pytest.raises(KeyConflict):
        await keys.create(new(), pepper.make())
    with pytest.raises(UnknownKey):
        await keys.rotate("desk", pepper.make(), 0)


async def test_rotation_lengthens_no_life(keys: Keys, pepper: Pepper) -> None:
    """An old secret ends after the overlap or at its own expiry, whichever is first."""
    soon = time.time() + 60
    await keys.create(new(expires_at=soon), pepper.make())
    await keys.rotate("desk", pepper.make(), 3600)
    assert [row.expires_at for row in await keys.all()] == [soon, soon]


async def test_every_change_moves_the_revision(keys: Keys, pepper: Pepper) -> None:
    """Else running gateways would miss it."""
    seen = [await keys.revision()]
    await keys.create(new(), pepper.make())
    seen.append(await keys.revision())
    await keys.rotate("desk", pepper.make(), 60)
    seen.append(await keys.revision())
    await keys.revoke("desk")
    seen.append(await keys.revision())
    assert len(set(seen)) == 4


async def test_keys_of_before_go_on_when_the_database_is_away(keys: Keys, pepper: Pepper) -> None:
    """And no other becomes valid."""
    key = await keys.create(new(), pepper.make())
    ring = KeyRing(keys, pepper)
    await ring.start()
    await keys.create(new("later"), pepper.make())

    class Away(Keys):
        def __init__(self) -> None:
            """No database."""

        async def revision(self) -> tuple[int, int]:
            raise RecordsUnavailable("The database is away.")

    ring.keys = Away()
    with pytest.raises(RecordsUnavailable):
        await ring._read()
    assert ring.find(key) is not None and ring.in_use
    with pytest.raises(StartupError):
        await KeyRing(Away(), pepper).start()


async def test_revoked_to_the_last_key_nobody_comes_in(keys: Keys, pepper: Pepper) -> None:
    """A gateway that had keys once is never open to all again."""
    authenticator, ring = Authenticator(()), KeyRing(keys, pepper)
    authenticator.follow(ring)
    await ring.start()
    assert authenticator.open
    await keys.create(new(), pepper.make())
    await keys.revoke("desk")
    await ring._read()
    assert not authenticator.open
    with pytest.raises(Unauthorised):
        authenticator.authenticate("Bearer anything")


async def test_an_expired_key_says_so(keys: Keys, pepper: Pepper) -> None:
    """Its owner is told to ask for a new one, and which it was; nobody has to read the database again for that."""
    key = await keys.create(new(expires_at=time.time() + 3600), pepper.make())
    authenticator, ring = Authenticator(()), KeyRing(keys, pepper)
    authenticator.follow(ring)
    await ring.start()
    authenticator.authenticate(f"Bearer {key}")
    ring._entries = {name: Entry(entry.caller, time.time() - 1) for name, entry in ring._entries.items()}
    with pytest.raises(Unauthorised, match="`desk` has expired"):
        authenticator.authenticate(f"Bearer {key}")


def test_a_damaged_pepper_is_not_replaced(tmp_path: Path, pepper: Pepper) -> None:
    """A new one would make every key invalid, silently."""
    (tmp_path / "key.pepper").write_text("junk")
    assert pepper.read() is None
    with pytest.raises(StartupError):
        pepper.make()


@pytest.mark.parametrize(
    ("scopes", "path", "model", "allowed"),
    [
        (Scopes(), "/v1/embeddings", "large", True),
        (Scopes(endpoints=("chat/*",)), "/v1/chat/completions", "x", True),
        (Scopes(endpoints=("chat/*",)), "/chat/completions", "x", True),
        (Scopes(endpoints=("chat/*",)), "/v1/embeddings", "x", False),
        (Scopes(models=("auto", "gpt-*")), "/v1/chat/completions", "gpt-5", True),
        (Scopes(models=("auto", "gpt-*")), "/v1/chat/completions", "large", False),
        (Scopes(models=()), "/v1/chat/completions", "auto", False),
    ],
)
def test_scopes_are_globs(scopes: Scopes, path: str, model: str, allowed: bool) -> None:
    """What is not named is not limited, and an empty list allows nothing."""
    caller = Caller(key="desk", scopes=scopes)
    if allowed:
        authorise(caller, path=path, model=model)
    else:
        with pytest.raises(Forbidden):
            authorise(caller, path=path, model=model)


def test_targets_are_withheld_with_a_reason() -> None:
    """In the words of a skipped step."""
    assert Scopes(targets=("small*",)).withheld(("small", "large")) == {"large": "the key may not use it"}
    assert Scopes().withheld(("large",)) == {}
