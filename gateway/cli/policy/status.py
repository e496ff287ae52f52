"""`pointsman policy status`: what experiments have shown so far, what `limits` charge, and what happened by itself."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated

import typer


def status(
    everything: Annotated[
        bool, typer.Option("--all", help="Also experiments that the policy in force does not have.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the evidence of running experiments, the prices that keep `limits`, and the latest events.

    Reads the database that `POINTSMAN_DATABASE_URL` or `POINTSMAN_DATA_DIR` names, and asks no gateway.
    """
    from gateway.cli.policy.database import in_database
    from gateway.cli.policy.status_report import lines, read, to_json

    found = asyncio.run(in_database(lambda engine: read(engine, time.time(), everything=everything)))
    if as_json:
        print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
