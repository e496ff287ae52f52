"""`pointsman policy publish`, `versions`, `show` and `rollback`, as a person types them, against a running gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.contract.admin import policy, ready
from tests.processes import Pointsman, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

KEY = "night-shift"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pointsman]:
    """A gateway whose admin API asks for a key."""
    folder = tmp_path_factory.mktemp("commands")
    path = folder / "policy.yaml"
    path.write_text(policy(20))
    environ = {"POINTSMAN_ADMIN_KEY": KEY}
    with Pointsman(folder / "data", arguments=("--policy", str(path)), environ=environ) as process:
        yield process


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key where an administrator keeps it."""
    monkeypatch.setenv("POINTSMAN_ADMIN_KEY", KEY)


def run(gateway: Pointsman, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments, "--url", gateway.origin])


def publish(gateway: Pointsman, tmp_path: Path, text: str, *more: str) -> Result:
    path = tmp_path / "edit.yaml"
    path.write_text(text)
    return run(gateway, "publish", str(path), "--reason", "a test", *more)


def test_an_edit_goes_in_force_and_back(gateway: Pointsman, tmp_path: Path) -> None:
    """Published, listed with author and reason, shown as it was written, rolled back by its version."""
    first = ready(gateway)["policy"]
    done = publish(gateway, tmp_path, policy(30, "# thirty\n"), "--author", "anna")
    assert done.exit_code == 0, done.output
    second = ready(gateway)["policy"]
    assert (
        f"policy {second} is in force; before it: {first}" in done.stdout and "- target `up`: " in done.stdout
    )
    shown = run(gateway, "show")
    assert shown.stdout == policy(30, "# thirty\n") and f"# {second}, " in shown.stderr
    assert "nothing was done" in publish(gateway, tmp_path, policy(30, "# thirty\n")).stdout
    back = run(gateway, "rollback", first, "--reason", "errors at night")
    assert back.exit_code == 0 and ready(gateway)["policy"] == first
    assert run(gateway, "show", second).stdout == policy(30, "# thirty\n")
    lines = run(gateway, "versions", "--limit", "2").stdout.splitlines()
    assert lines[1].startswith(first) and "rollback" in lines[1] and lines[1].endswith("errors at night")
    assert lines[2].startswith(second) and " anna " in lines[2]
    listed = json.loads(run(gateway, "versions", "--json").stdout)
    assert [one["version"] for one in listed[:2]] == [first, second]


def test_an_edit_upon_an_old_version_shows_what_came_between(gateway: Pointsman, tmp_path: Path) -> None:
    """Exit code 1, the other's change, and the value for `--base` that works next."""
    base = ready(gateway)["policy"]
    publish(gateway, tmp_path, policy(41), "--base", base)
    late = publish(gateway, tmp_path, policy(42), "--base", base)
    assert late.exit_code == 1
    assert "someone published in between" in late.stdout and "timeout_s: 41" in late.stdout
    current = late.stderr.rsplit("--base ", 1)[1].strip()
    assert publish(gateway, tmp_path, policy(42), "--base", current).exit_code == 0


def test_findings_name_the_file_that_was_given(gateway: Pointsman, tmp_path: Path) -> None:
    """Exit code 2, as from `pointsman policy check`; nothing is published."""
    before = ready(gateway)["policy"]
    done = publish(gateway, tmp_path, policy(50) + "rulez: []\n")
    assert done.exit_code == 2
    assert f"{tmp_path}/edit.yaml:7:1: error: unknown key `rulez`; did you mean `rules`" in done.stderr
    assert ready(gateway)["policy"] == before
    (tmp_path / "edit.yaml").write_bytes(b"\xff")
    assert "not utf-8" in run(gateway, "publish", str(tmp_path / "edit.yaml"), "--reason", "r").stderr


def test_what_stands_in_the_way_is_said_in_a_sentence(
    gateway: Pointsman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No gateway, something else at the URL, no such version, the wrong key: exit code 1 and what to do."""
    assert "pointsman policy versions" in run(gateway, "rollback", "nope", "--reason", "r").stderr
    monkeypatch.setenv("POINTSMAN_ADMIN_KEY", "wrong")
    refused = run(gateway, "versions")
    assert refused.exit_code == 1 and "POINTSMAN_ADMIN_KEY" in refused.stderr
    nobody = CliRunner().invoke(app, ["policy", "show", "--url", f"http://127.0.0.1:{free_port()}"])
    assert (
        nobody.exit_code == 1 and "connection refused; start it, or name another with --url" in nobody.stderr
    )
    assert CliRunner().invoke(app, ["policy", "show", "--url", "nonsense"]).exit_code == 1


def test_the_key_of_a_client_is_no_admin_key(gateway: Pointsman) -> None:
    """Every route of the admin API answers 401 without the key, in the usual envelope; the rest stays open."""
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("GET", "/versions"),
        ("POST", "/check"),
        ("POST", "/rollback"),
    ):
        answer = httpx.request(method, f"{gateway.origin}/admin/v1/policy{path}")
        assert answer.status_code == 401 and answer.json()["error"]["code"] == "invalid_api_key", path
    assert httpx.get(f"{gateway.origin}/v1/models").status_code == 200
