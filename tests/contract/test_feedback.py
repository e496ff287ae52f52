"""Grades of answers arrive by `POST /v1/feedback`, from whoever may see the request, and reach replay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gateway.auth import digest
from gateway.records.reading import read_file
from tests.contract.test_chat import ask
from tests.processes import Pointsman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fake_upstream import FakeUpstream

KEYS = "".join(
    f"  - {{id: {tenant}-app, sha256: {digest(tenant + '-secret')}, tenant: {tenant}}}\n"
    for tenant in ("acme", "other")
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pointsman, FakeUpstream]]:
    """A gateway with two tenants."""
    from tests.conftest import PLAIN_POLICY
    from tests.fake_upstream import FakeUpstream

    folder: Path = tmp_path_factory.mktemp("feedback")
    (folder / "policy.yaml").write_text(PLAIN_POLICY)
    (folder / "gateway.yaml").write_text(f"keys:\n{KEYS}")
    arguments = ("--policy", str(folder / "policy.yaml"), "--config", str(folder / "gateway.yaml"))
    with FakeUpstream() as upstream:
        environ = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "x"}
        with Pointsman(folder / "data", arguments=arguments, environ=environ) as process:
            yield process, upstream


def answered(gateway: Pointsman) -> str:
    raw = gateway.client(api_key="acme-secret").chat.completions.with_raw_response.create(**ask("hello"))
    return raw.headers["x-request-id"]


def send(gateway: Pointsman, body: object, key: str | None = "acme-secret"):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with gateway.http() as client:
        return client.post("/v1/feedback", json=body, headers=headers)


def test_the_last_grade_counts_and_replay_reads_it(gateway) -> None:
    """Sent right after the answer, before its record is written; a second grade replaces the first."""
    process, _ = gateway
    request_id = answered(process)
    assert send(process, {"request_id": request_id, "rating": "bad", "comment": "wrong"}).status_code == 204
    assert send(process, {"request_id": request_id, "score": 0.75}).status_code == 204
    path = process.data_dir / "records.db"
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT tenant, key, score, comment FROM feedback").fetchall()
    assert rows == [("acme", "acme-app", 0.75, None)]
    assert [(r.request_id, r.score) for r in read_file(path) if r.request_id == request_id] == [
        (request_id, 0.75)
    ]


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"request_id": "x"}, "score", "either `score`"),
        ({"request_id": "x", "score": 1, "rating": "good"}, "score", "either `score`"),
        ({"request_id": "x", "score": 1.5}, "score", "between 0 and 1"),
        ({"request_id": "x", "rating": "fine"}, None, "rating"),
        ({"request_id": "x", "score": 1, "why": "y"}, None, "why"),
        ({"request_id": "", "score": 1}, "request_id", "x-request-id"),
        ({"request_id": "x", "score": 1, "comment": "c" * 2001}, "comment", "2001"),
        (["x"], None, "object"),
    ],
)
def test_what_is_wrong_is_said(gateway, body, param, says) -> None:
    """OpenAI's envelope, the field at fault, and what to send instead."""
    found = send(gateway[0], body)
    assert found.status_code == 400
    assert found.json()["error"]["param"] == param
    assert says in found.json()["error"]["message"]


def test_another_tenants_request_is_unknown(gateway) -> None:
    """Whether it exists is none of the caller's business; without a key nothing is said at all."""
    request_id = answered(gateway[0])
    found = send(gateway[0], {"request_id": request_id, "score": 1}, key="other-secret")
    assert (found.status_code, found.json()["error"]["code"]) == (404, "request_not_found")
    assert send(gateway[0], {"request_id": request_id, "score": 1}, key=None).status_code == 401
