"""`pointsman models` and `pointsman worker`, as a person types them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def empty_model_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model directory with nothing in it."""
    monkeypatch.setenv("POINTSMAN_MODEL_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("empty_model_dir")
def test_list_shows_what_is_not_here() -> None:
    """Each model of the catalogue has a line with size, licence and whether it is on this machine."""
    shown = CliRunner().invoke(app, ["models", "list"])
    line = next(line for line in shown.output.splitlines() if line.startswith("  smollm2-135m-instruct"))
    assert "not here" in line
    assert "98 MB" in line
    assert "Apache-2.0" in line


@pytest.mark.usefixtures("empty_model_dir")
@pytest.mark.parametrize("name", ["nope", "hf:nope"])
def test_pulling_an_unknown_name_fails_with_a_sentence(name: str) -> None:
    """Exit code 1 and one line that names the mistake."""
    shown = CliRunner().invoke(app, ["models", "pull", name])
    assert shown.exit_code == 1
    assert f"`{name}`" in shown.output


@pytest.mark.usefixtures("empty_model_dir")
def test_half_a_model_option_is_refused_before_anything_starts() -> None:
    """`--model NAME=` is a usage error."""
    shown = CliRunner().invoke(app, ["worker", "--model", "x="])
    assert shown.exit_code == 2
    assert "NAME=PATH" in shown.output
