"""From an outcome to its row and its log line."""

from __future__ import annotations

import json

from msgspec.structs import replace
from sqlalchemy import inspect

from gateway.decide import decide
from gateway.record import line, row
from gateway.records.models import RecordRow
from gateway.types import Attempt, Caller, Outcome, Usage
from tests.unit.gateway.build import SIGNALS, call, live

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
