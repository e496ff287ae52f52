"""`pointsman policy status`: what experiments have shown so far, what `limits` charge, and what happened by itself."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gateway.cli.policy.status_report import Status
    from gateway.settings import Settings


def status(
    everything: Annotated[
        bool, typer.Option("--all", help="Also experiments that the policy in force does not have.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the evidence of running experiments, the prices that keep `limits`, and the latest events.

    Reads the database that `POINTSMAN_DATABASE_URL` or `POINTSMAN_DATA_DIR` names, and asks no gateway.
    """
    from gateway.cli.policy.status_report import lines, to_json
    from gateway.records.ledger import LedgerUnusable
    from gateway.records.pacing import PacingUnusable
    from gateway.settings import load_settings

    try:
        found = asyncio.run(_status(load_settings(), everything=everything))
    except (LedgerUnusable, PacingUnusable) as error:
        print(f"error: the database of records cannot be read: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))


async def _status(settings: Settings, *, everything: bool) -> Status:
    from gateway.cli.policy.status_report import read
    from gateway.records.ledger import LedgerUnusable
    from gateway.records.store import SqlRecordStore, StoreUnusable

    path = settings.data_dir / "records.db"
    if settings.database_url is None and not path.exists():
        raise LedgerUnusable(f"there is none at {path}; has a gateway run with this `POINTSMAN_DATA_DIR`?")
    try:
        store = SqlRecordStore(settings.records_url, lambda _: None)
    except StoreUnusable as error:
        raise LedgerUnusable(str(error)) from error
    try:
        return await read(store.engine, time.time(), everything=everything)
    finally:
        await store.engine.dispose()
