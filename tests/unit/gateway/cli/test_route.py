"""`pointsman route` as it is typed: what is personal in a request is shown with its place."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

TEXT = "Please ask Elena Novak, elena@example.org, for the minutes."


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch) -> None:
    """Nothing that was learnt on this machine plays a part."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path))


def test_personal_spans_are_in_the_json() -> None:
    """Start, end, kind and confidence of each, in characters of the prompt."""
    result = CliRunner().invoke(app, ["route", TEXT, "--json"])
    assert result.exit_code == 0, result.output
    spans = json.loads(result.output)["personal_spans"]
    assert [(TEXT[s["start"] : s["end"]], s["kind"]) for s in spans] == [
        ("Elena Novak", "name"),
        ("elena@example.org", "email"),
    ]


def test_personal_spans_are_printed_for_people() -> None:
    """The words and their place; without any, no heading."""
    printed = CliRunner().invoke(app, ["route", TEXT]).output
    assert "Personal data in the text" in printed
    assert "'elena@example.org'" in printed
    assert "Personal data in the text" not in CliRunner().invoke(app, ["route", "What is 2 + 2?"]).output
