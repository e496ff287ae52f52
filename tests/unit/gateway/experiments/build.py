"""Experiments with outcomes of a known kind, in a real database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gateway.records.ledger import Ledger
from gateway.records.models import FeedbackRow
from gateway.records.schema import insert_or_replace
from gateway.records.store import SqlRecordStore
from gateway.types import Attempt, Outcome, Usage
from policies.decision import CachePlan, Decision, Plan
from policies.model import Policy
from tests.unit.gateway.build import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

VERSION = "aaaaaaaaaaaa"


def policy(**changes: Any) -> Policy:
    """A policy with one canary; `changes` are made to the experiment."""
    experiment = {
        "id": "try", "kind": "canary", "from": "small", "to": "new", "share": 0.5, "sticky": "request",
        "stop_if": {"inferior_by": 0.02, "confidence": 0.95},
    }  # fmt: skip
    targets = {name: {"kind": "local", "model": f"{name}-model"} for name in ("small", "new")}
    return Policy.model_validate(
        {
            "version": 1,
            "targets": targets,
            "default": {"steps": ["small"]},
            "experiments": [{k: v for k, v in (experiment | changes).items() if v is not None}],
        }
    )


def outcome(
    number: int,
    arm: str,
    *,
    failed: bool = False,
    cost_usd: float = 0.001,
    session: str = "",
    version: str = VERSION,
    experiment: str = "try",
) -> Outcome:
    """A finished request of an experiment; `failed` means that a fallback answered."""
    made = call(headers={"x-session-id": session} if session else {})
    decision = Decision(version, "default", Plan((), CachePlan()), (), 0.5, experiment, arm)
    attempt = Attempt("new", "new-model", "local", "failed" if failed else "ok", 0, 1)
    return Outcome(
        replace(made, request_id=f"req_{number}", received_ns=1_000_000_000 + number),
        "ok",
        "miss",
        decision=decision,
        policy_version=version,
        attempts=(attempt, replace(attempt, target="small", status="ok")) if failed else (attempt,),
        usage=Usage(10, 5),
        cost_usd=cost_usd,
        first_byte_ms=100.0,
        total_ms=150.0,
    )


@contextlib.asynccontextmanager
async def database(path: Path) -> AsyncIterator[SqlRecordStore]:
    """A started store in this folder."""
    store = SqlRecordStore(f"sqlite+aiosqlite:///{path / 'records.db'}", lambda _: None)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def grade(store: SqlRecordStore, number: int, score: float, at: float = 5.0) -> None:
    """Somebody says how good the answer to a request was."""
    async with store.engine.begin() as connection:
        row = {"request_id": f"req_{number}", "at": at, "tenant": "", "key": "", "score": score}
        await connection.execute(insert_or_replace(connection, FeedbackRow).values(**row, comment=None))


def ledger(store: SqlRecordStore) -> Ledger:
    """The ledger of this store."""
    return Ledger(store.engine)
