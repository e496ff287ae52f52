"""Keys of the database, made by the command and by the admin API, before a running gateway."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import openai
import pytest

from tests.contract.test_chat import ask
from tests.fake_upstream import FakeUpstream, Whole
from tests.processes import Pointsman, clean_environ

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = """
version: 1
targets:
  strong: {kind: upstream, model: one/strong, retries: 0}
  weak: {kind: upstream, model: one/weak, retries: 0}
default: {steps: [strong, weak], cache: {exact: false}}
"""


@pytest.fixture(scope="module")
def one() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server.always(Whole("answered"))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, one: FakeUpstream) -> Iterator[Pointsman]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "gateway.yaml").write_text(f"upstreams: {{one: {{url: '{one.url}'}}}}\n")
    arguments = ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))
    environ = {"POINTSMAN_ADMIN_KEY": "admin-secret"}
    with Pointsman(folder / "data", arguments=arguments, environ=environ) as process:
        with process.http() as client:  # on loopback everybody may call until there is a key
            assert client.get("/v1/models").status_code == 200
        yield process


def keys(gateway: Pointsman, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pointsman keys` on the gateway's database."""
    command = [sys.executable, "-m", "gateway.cli.main", "keys", *arguments]
    environ = clean_environ(POINTSMAN_DATA_DIR=str(gateway.data_dir))
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def status(gateway: Pointsman, key: str, path: str = "/v1/chat/completions", **fields: object) -> int:
    with gateway.http() as client:
        sent = {**ask("hello"), **fields}
        return client.post(path, json=sent, headers={"authorization": f"Bearer {key}"}).status_code


def becomes(gateway: Pointsman, key: str, expected: int, within_s: float = 3.0) -> bool:
    """Whether requests with `key` come to be answered with this status in time."""
    deadline = time.monotonic() + within_s
    while status(gateway, key) != expected:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_key_is_valid_until_it_is_revoked(gateway: Pointsman) -> None:
    """Made and revoked by the command, seen by the running gateway; then nobody comes in without one, ever again."""
    made = keys(gateway, "create", "desk", "--tenant", "support")
    key = made.stdout.strip()
    assert made.returncode == 0 and key.startswith("pm_") and len(key) == 46
    assert becomes(gateway, "pm_" + "x" * 43, 401)
    assert becomes(gateway, key, 200)
    assert keys(gateway, "create", "desk").returncode == 1
    assert keys(gateway, "revoke", "desk").returncode == 0
    assert becomes(gateway, key, 401)
    with gateway.http() as client:
        assert client.get("/v1/models").status_code == 401
    assert "desk" in keys(gateway, "list").stdout


def test_only_a_digest_is_kept(gateway: Pointsman) -> None:
    """The secret stands neither in the database nor in the log, and the pepper is its owner's alone."""
    key = keys(gateway, "create", "kept").stdout.strip()
    assert becomes(gateway, key, 200)
    with sqlite3.connect(gateway.data_dir / "records.db") as database:
        text = str(list(database.execute("SELECT * FROM api_keys")))
    assert key not in text and key not in gateway.log
    assert (gateway.data_dir / "key.pepper").stat().st_mode & 0o777 == 0o600


def test_a_rotated_key_has_two_secrets_for_a_while(gateway: Pointsman) -> None:
    """Without an overlap the old one ends at once."""
    first = keys(gateway, "create", "turned").stdout.strip()
    second = keys(gateway, "rotate", "turned").stdout.strip()
    assert becomes(gateway, second, 200)
    assert status(gateway, first) == 200
    third = keys(gateway, "rotate", "turned", "--overlap", "0s").stdout.strip()
    assert becomes(gateway, third, 200)
    assert (status(gateway, first), status(gateway, second)) == (401, 401)


def test_a_key_expires_by_itself(gateway: Pointsman) -> None:
    """To the second, without anybody reading the database again."""
    key = keys(gateway, "create", "brief", "--expires", "3s").stdout.strip()
    assert becomes(gateway, key, 200)
    assert becomes(gateway, key, 401, within_s=6)


def test_scopes_bind_a_key(gateway: Pointsman, one: FakeUpstream) -> None:
    """Other endpoints and models are 403; other targets are passed over, also as fallbacks."""
    key = keys(
        gateway, "create", "narrow", "--endpoint", "chat/*", "--model", "auto", "--target", "we*"
    ).stdout.strip()
    assert becomes(gateway, key, 200)
    assert status(gateway, key, "/v1/completions", prompt="hello") == 403
    assert status(gateway, key, model="strong") == 403
    one.requests.clear()
    client = gateway.client(api_key=key)
    raw = client.chat.completions.with_raw_response.create(**ask("narrow"))
    assert raw.headers["x-pointsman-target"] == "weak"
    assert [request.json["model"] for request in one.requests] == ["weak"]
    with pytest.raises(openai.PermissionDeniedError, match="may not ask for the model `strong`"):
        client.chat.completions.create(**ask("narrow", model="strong"))


def test_the_admin_api_does_the_same(gateway: Pointsman) -> None:
    """Create, list, rotate and revoke, with the admin key alone."""
    admin = {"authorization": "Bearer admin-secret"}
    with gateway.http() as client:
        assert client.get("/admin/v1/keys").status_code == 401
        body = {"id": "by-api", "tenant": "red", "scopes": {"models": ["auto"]}, "expires_in_s": 3600}
        made = client.post("/admin/v1/keys", json=body, headers=admin)
        assert made.status_code == 201
        key = made.json()["key"]
        assert becomes(gateway, key, 200)
        assert client.post("/admin/v1/keys", json=body, headers=admin).json()["error"]["code"] == "key_exists"
        wrong = client.post("/admin/v1/keys", json={"id": "x", "scope": {}}, headers=admin)
        assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "scope")
        listed = client.get("/admin/v1/keys", headers=admin)
        mine = [row for row in listed.json()["keys"] if row["id"] == "by-api"]
        assert [(row["state"], row["tenant"], row["scopes"]["models"]) for row in mine] == [
            ("active", "red", ["auto"])
        ]
        assert key not in listed.text
        turned = client.post("/admin/v1/keys/by-api/rotate", json={"overlap_s": 0}, headers=admin).json()
        assert becomes(gateway, turned["key"], 200)
        assert client.delete("/admin/v1/keys/by-api", headers=admin).status_code == 204
        assert client.delete("/admin/v1/keys/nobody", headers=admin).status_code == 404
    assert becomes(gateway, turned["key"], 401)


def test_another_pepper_lets_nobody_in(tmp_path: Path, gateway: Pointsman) -> None:
    """And the log says why: the same database, and a pepper that is not the one keys were made with."""
    key = keys(gateway, "create", "peppered").stdout.strip()
    other = tmp_path / "other"
    other.mkdir()
    (other / "key.pepper").write_text("ab" * 32)
    url = f"sqlite+aiosqlite:///{gateway.data_dir / 'records.db'}"
    with Pointsman(other, environ={"POINTSMAN_DATABASE_URL": url}) as process:
        assert status(process, key) == 401
        assert "they were made with another pepper" in process.log


def test_a_gateway_for_everybody_starts_once_there_is_a_key(tmp_path: Path) -> None:
    """Listening beyond this machine needs a key; one of the database will do."""
    from tests.processes import free_port

    command = [sys.executable, "-m", "gateway.cli.main", "gateway", "--host", "0.0.0.0"]
    environ = clean_environ(POINTSMAN_DATA_DIR=str(tmp_path))
    refused = subprocess.run(
        [*command, "--port", str(free_port())], env=environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "pointsman keys create" in refused.stderr
    made = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "keys", "create", "first", "--json"],
        env=environ, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    key = json.loads(made.stdout)["key"]
    with Pointsman(tmp_path, arguments=("--host", "0.0.0.0")) as process, process.http() as client:
        assert client.get("/v1/models").status_code == 401
        assert client.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200
