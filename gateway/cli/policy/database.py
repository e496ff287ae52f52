"""The database of records, for commands that ask no gateway."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


async def in_database(work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    """What `work` makes of the database that the settings name; says why and exits with 1 where there is none."""
    from gateway.records.ledger import LedgerUnusable
    from gateway.records.pacing import PacingUnusable
    from gateway.records.store import SqlRecordStore, StoreUnusable
    from gateway.settings import load_settings

    settings = load_settings()
    path = settings.data_dir / "records.db"
    if settings.database_url is None and not path.exists():
        raise _failed(f"there is none at {path}; has a gateway run with this `POINTSMAN_DATA_DIR`?")
    try:
        store = SqlRecordStore(settings.records_url, lambda _: None)
    except StoreUnusable as error:
        raise _failed(str(error)) from None
    try:
        return await work(store.engine)
    except (LedgerUnusable, PacingUnusable) as error:
        raise _failed(str(error)) from None
    finally:
        await store.engine.dispose()


def _failed(why: str) -> typer.Exit:
    print(f"error: the database of records cannot be used: {why}", file=sys.stderr)
    return typer.Exit(1)
