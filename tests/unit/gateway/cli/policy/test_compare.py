"""`pointsman policy compare`: the same requests under several policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ONE = """
version: 1
targets:
  here: {kind: local, model: m}
  cheap: {kind: upstream, model: x/cheap, price: {input_usd_per_mtok: 0, output_usd_per_mtok: 10}}
  dear: {kind: upstream, model: x/dear, price: {input_usd_per_mtok: 0, output_usd_per_mtok: 100}}
rules:
  - {id: batch, when: {metadata: {channel: batch}}, then: {steps: [cheap, dear]}}
  - id: tools
    when: {tools: true}
    then: {chain: [{target: cheap}, {target: dear, instruction: "{answer}"}], steps: [dear]}
default: {steps: [here, cheap]}
"""
DEAR = ONE[: ONE.index("rules:")] + "default: {steps: [dear, cheap]}\n"
REQUESTS = [
    {"prompt": "hello"},
    {"prompt": "hello", "metadata": {"channel": "batch"}},
    {"messages": [{"role": "user", "content": "hello"}], "tools": True},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two policies and three requests in the working directory."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(ONE)
    (tmp_path / "dear.yaml").write_text(DEAR)
    (tmp_path / "requests.jsonl").write_text("\n".join(map(json.dumps, REQUESTS)))
    return tmp_path


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, ["policy", "compare", *arguments])


def test_costs_and_shares_are_those_of_the_first_choice() -> None:
    """256 tokens of answer at list price; a chain costs what all of its stages cost."""
    result = run("dear.yaml", "one.yaml", "--requests", "requests.jsonl", "--json")
    dear, one = json.loads(result.stdout)["policies"]
    assert dear["usd_per_1000"] == pytest.approx(25.6)
    assert dear["targets"] == {"dear": 3}
    assert one["targets"] == {"here": 1, "cheap": 1, "cheap → dear": 1}
    assert one["here"] == 1
    assert one["usd_per_1000"] == pytest.approx((2.56 + 28.16) / 3, rel=0.02)  # and a little CPU time here


def test_the_table_is_relative_to_the_first_policy() -> None:
    """The first row is the yardstick of the others."""
    lines = run("dear.yaml", "one.yaml", "--requests", "requests.jsonl").stdout.splitlines()
    assert lines[2].startswith("| dear | 25.60 | +0% | 0% | dear 100% |")
    assert lines[3].startswith("| one | 10.2")
    assert "-60%" in lines[3]


def test_what_cannot_be_read_is_said(folder: Path) -> None:
    """No requests, a broken line and an unknown policy end the command with exit code 2."""
    (folder / "empty.jsonl").write_text("")
    (folder / "broken.jsonl").write_text('{"prompt": "hi"}\n{')
    for arguments, said in (
        (("one.yaml", "--requests", "empty.jsonl"), "holds no requests"),
        (("one.yaml", "--requests", "broken.jsonl"), "broken.jsonl:2"),
        (("onee", "--requests", "requests.jsonl"), "no shipped policy"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.replace("│", " ").split())
