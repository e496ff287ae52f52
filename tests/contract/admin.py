"""The admin API of a gateway under test, and policies to publish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

from tests.conftest import PLAIN_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.processes import Pointsman


def policy(timeout_s: int, comment: str = "") -> str:
    """A sound policy that differs from the others by its time limit."""
    return PLAIN_POLICY.replace("timeout_s: 20", f"timeout_s: {timeout_s}") + comment


def admin(gateway: Pointsman, method: str, path: str = "", **options: Any) -> httpx.Response:
    """One request to `/admin/v1/policy`."""
    return httpx.request(method, f"{gateway.origin}/admin/v1/policy{path}", timeout=30, **options)


def etag(gateway: Pointsman) -> str:
    return admin(gateway, "GET").headers["etag"]


def publish(
    gateway: Pointsman, text: str, if_match: str | None = "", *, author: str = "anna", reason: str = "a test"
) -> httpx.Response:
    """PUT `text` upon `if_match`: the one in force when empty, without a precondition when None."""
    found = etag(gateway) if if_match == "" else if_match
    headers = {"if-match": found} if found else {}
    return admin(gateway, "PUT", json={"text": text, "author": author, "reason": reason}, headers=headers)


def error(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error envelope of a response that must have this status and code."""
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()["error"]
    assert found["code"] == code
    return found


def ready(gateway: Pointsman, *, full: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(
        f"{gateway.origin}/readyz", params={"full": int(full)}, timeout=30
    ).json()
    return body


def wait_for(
    gateway: Pointsman,
    condition: Callable[[dict[str, Any]], object],
    timeout_s: float = 10.0,
    *,
    full: bool = False,
) -> dict[str, Any]:
    """The state of `/readyz` once `condition` holds of it; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition(state := ready(gateway, full=full)):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state
