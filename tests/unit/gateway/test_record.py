"""From an outcome to its row and its log line."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from msgspec.structs import replace
from sqlalchemy import inspect

from gateway.decide import decide
from gateway.feedback import Feedback
from gateway.record import Recorder, line, row
from gateway.records.models import RecordRow
from gateway.records.store import Row
from gateway.telemetry.metrics import Metrics
from gateway.types import Attempt, Caller, Outcome, Usage
from tests.unit.gateway.build import SIGNALS, call, live

if TYPE_CHECKING:
    import pytest

POLICY = live()
FULL = Outcome(
    call({"messages": [{"role": "user", "content": "my secret"}]}, caller=Caller("acme", "app")),
    "ok",
    "miss",
    signals=SIGNALS,
    decision=decide(call(), SIGNALS, POLICY),
    rule="default",
    attempts=(
        Attempt("mid", "gpt-4o-mini", "openai", "failed", 0, 5_000_000, error="upstream_timeout: `x` said y"),
    ),
    target="mid",
    usage=Usage(3, 5),
    cost_usd=0.5,
    counterfactual_usd=0.75,
)
BARE = Outcome(call(), "error", "off", error_code="model_not_found", http_status=404)


def test_a_row_fills_exactly_the_columns_of_the_table():
    """A column without value or a value without column would lose the batch that it is in."""
    columns = {column.key for column in inspect(RecordRow).columns}
    assert row(FULL, "v1").keys() == columns
    assert row(BARE, "v1").keys() == columns


def test_a_value_that_is_missing_is_allowed_to_be():
    """Even a request refused at the door fills every column that must not be null."""
    found = row(BARE, "v1")
    empty = {c.key for c in inspect(RecordRow).columns if found[c.key] is None}
    assert empty <= {c.key for c in inspect(RecordRow).columns if c.nullable}


def test_no_text_of_the_request_and_no_words_of_a_target_are_in_a_row():
    """Rows are kept longer than prompts may be."""
    text = json.dumps(row(FULL, "v1"))
    assert "my secret" not in text
    assert "said y" not in text
    assert '"error": "upstream_timeout"' in text


def test_strings_fit_their_columns():
    """PostgreSQL refuses a batch for one string too long or one NUL in it."""
    long = "x" * 1000 + "\x00"
    odd = replace(
        FULL, call=call({"model": "\x00" + long}), finish_reason=long, target=long, model=long, degraded=long
    )
    found = row(odd, "v1")
    for column in inspect(RecordRow).columns:
        limit = getattr(column.type, "length", None)
        value = found[column.key]
        if limit is not None and isinstance(value, str):
            assert len(value) <= limit, column.key
            assert "\x00" not in value, column.key


def test_a_log_line_is_one_line_without_text():
    """Enough to find record and trace; what is unknown is not in it."""
    said = line(FULL)
    assert said.startswith("ok status=200 target=mid rule=default cache=miss tokens=3+5 cost_usd=0.5000000")
    assert "request=req_1" in said and "secret" not in said
    assert "cost_usd" not in line(BARE) and "error=model_not_found" in line(BARE)


class Kept(list[Row]):
    """A store that keeps rows in memory."""

    def add(self, row: Row) -> None:
        self.append(row)


async def test_finished_requests_are_kept_soon_and_in_order():
    """A quiet gateway does not wait for company: 0.3 s is ample."""
    kept, recorder = recording()
    recorder.record(FULL, "v1")
    recorder.record(BARE, "v1")
    assert not kept
    await asyncio.sleep(0.3)
    assert [one["status"] for one in kept] == ["ok", "error"]


async def test_a_busy_gateway_holds_few_outcomes(caplog: pytest.LogCaptureFixture):
    """Each holds its request: sixteen are written without waiting for the clock, each with a log line."""
    kept, recorder = recording()
    with caplog.at_level(logging.INFO, "pointsman.request"):
        for _ in range(16):
            recorder.record(FULL, "v1")
    assert len(kept) == 16
    assert [record.getMessage() for record in caplog.records] == [line(FULL)] * 16


async def test_what_is_left_at_the_end_is_kept_once():
    """Shutting down flushes; the timer that was running then writes nothing twice."""
    kept, recorder = recording()
    recorder.record(FULL, "v1")
    recorder.flush()
    await asyncio.sleep(0.1)
    recorder.flush()
    assert len(kept) == 1


def recording() -> tuple[Kept, Recorder]:
    kept = Kept()
    return kept, Recorder(Metrics(), kept, Feedback())
