"""`pointsman policy stop`: end an experiment by hand, in every gateway, without an edit of the policy."""

from __future__ import annotations

import asyncio
import difflib
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def stop(
    experiment: Annotated[str, typer.Argument(help="The experiment's id.")],
    reason: Annotated[
        str, typer.Option(help="Why; kept with the event.", show_default=False)
    ] = "no reason given",
) -> None:
    """End an experiment: within two seconds every gateway treats every request as without it.

    It stays ended until its definition in the policy changes. Writes to the database that `POINTSMAN_DATABASE_URL`
    or `POINTSMAN_DATA_DIR` names, and asks no gateway.
    """
    from gateway.cli.policy.database import in_database

    error = asyncio.run(in_database(lambda engine: _stop(engine, experiment, reason)))
    if error is not None:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{experiment} is stopped, in every gateway within two seconds; `pointsman policy status` shows it")


async def _stop(engine: AsyncEngine, experiment: str, reason: str) -> str | None:
    """What stands in the way, in words; None when it is done."""
    from gateway.records.ledger import STOPPED, Event, Ledger

    ledger, now = Ledger(engine), time.time()
    known = await ledger.in_force(now)
    found = next((each for each in known if each.definition.get("id") == experiment), None)
    if found is None:
        ids = sorted(str(each.definition.get("id")) for each in known)
        near = difflib.get_close_matches(experiment, ids, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"in force: {', '.join(ids) or 'none'}"
        return f"the policy in force has no experiment `{experiment}`; {hint}"
    said = f"by hand: {reason[:400]}"
    event = Event.once(STOPPED, now, experiment, found.digest, found.policy_version, said)
    return None if await ledger.write(events=[event]) else f"`{experiment}` is stopped already"
