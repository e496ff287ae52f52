"""The shipped policies as a user meets them: listed, printed, checked, tested, and served by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import StartupError
from gateway.settings import load_settings
from policies.by_name import is_shipped, purpose, shipped, shipped_names
from policies.store import Loaded, loads

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: str) -> Result:
    """One command with its output."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory of the test, where no classifier was learnt and no target placed."""
    monkeypatch.setenv("POINTSMAN_DATA_DIR", str(tmp_path / "data"))


def test_the_list_has_a_line_for_each() -> None:
    """`pointsman policy library` names every policy and says what it is for."""
    lines = run("policy", "library").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[name, purpose(name)] for name in shipped_names()]


def test_a_printed_policy_is_the_shipped_one() -> None:
    """What is printed means the same as the file, and its editor line names a schema beside the copy."""
    printed = run("policy", "library", "regulated").stdout
    copy, original = loads(printed), loads(shipped("regulated").read_text())
    assert isinstance(copy, Loaded)
    assert isinstance(original, Loaded)
    assert copy.version == original.version
    assert printed.startswith("# yaml-language-server: $schema=policy.schema.json\n")


def test_an_unknown_policy_is_answered_with_the_nearest() -> None:
    """A slip in any place that takes a policy exits 2 and says which name was meant."""
    for arguments in (
        ("policy", "library", "regulatd"),
        ("policy", "check", "regulatd"),
        ("policy", "test", "regulatd"),
        ("route", "--policy", "regulatd", "hi"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "`regulated`" in result.stderr


def test_every_shipped_policy_passes_the_strict_check() -> None:
    """No error, no warning, and every case of every policy holds for the shipped classifier."""
    result = run("policy", "check", "--strict", *shipped_names())
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_policy_has_cases_enough(name: str) -> None:
    """At least eight, some of which say where a request must not go."""
    loaded = loads(shipped(name).read_text())
    assert isinstance(loaded, Loaded)
    cases = loaded.policy.tests
    assert len(cases) >= 8
    assert any(case.expect.forbidden_target for case in cases)


def test_a_setting_may_be_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`POINTSMAN_POLICY=agentic` serves the shipped file, which publishing then leaves alone."""
    monkeypatch.setenv("POINTSMAN_POLICY", "agentic")
    settings = load_settings()
    assert settings.policy == shipped("agentic")
    assert is_shipped(settings.policy)


def test_a_wrong_name_in_a_setting_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding names the variable and the nearest policy."""
    monkeypatch.setenv("POINTSMAN_POLICY", "agentik")
    with pytest.raises(StartupError) as raised:
        load_settings()
    (finding,) = raised.value.findings
    assert finding.message.startswith("`POINTSMAN_POLICY` is `agentik`: there is no file `agentik`")
    assert finding.message.endswith("did you mean `agentic`")
