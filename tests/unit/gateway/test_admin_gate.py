"""Who may use the admin API."""

from __future__ import annotations

import pytest

from gateway.auth import AdminGate, is_loopback
from gateway.errors import Forbidden, Unauthorised

LOCAL = {"host": "127.0.0.1:8080"}
OPEN = AdminGate(None, closed=None)


def test_with_a_key_only_the_key_passes():
    """Wherever the request comes from; a client's key, a missing and a malformed header do not."""
    gate = AdminGate("s3cret", closed=None)
    gate.admit({"host": "gateway.example", "authorization": "Bearer s3cret"})
    gate.admit({"authorization": "bearer  s3cret "})
    for header in ("Bearer other", "Basic s3cret", "Bearer", "s3cret", "Bearer s3cret2", "Bearer ké"):
        with pytest.raises(Unauthorised, match="POINTSMAN_ADMIN_KEY"):
            gate.admit(LOCAL | {"authorization": header})
    with pytest.raises(Unauthorised):
        gate.admit(LOCAL)


def test_a_closed_gate_says_why_and_what_to_set():
    """No key and not private: nobody passes."""
    with pytest.raises(Forbidden, match=r"the gateway listens on `0.0.0.0`. Set POINTSMAN_ADMIN_KEY"):
        AdminGate(None, closed="the gateway listens on `0.0.0.0`").admit(LOCAL)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "127.0.0.9"])
def test_without_a_key_this_machine_passes(host: str):
    """By any of its loopback names, also from a page that the gateway itself served."""
    OPEN.admit({"host": host})
    OPEN.admit({"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:8080"},
        {"host": "10.0.0.5"},
        {"host": "[::1"},
        {},
        LOCAL | {"origin": "https://evil.example"},
        LOCAL | {"origin": "null"},
        LOCAL | {"origin": "http://127.0.0.1:3000"},
        LOCAL | {"x-forwarded-for": "203.0.113.9"},
        LOCAL | {"via": "1.1 proxy"},
    ],
)
def test_without_a_key_no_web_page_and_no_proxy_passes(headers: dict[str, str]):
    """Rebound names, foreign origins, and whatever a proxy brings from elsewhere."""
    with pytest.raises(Forbidden, match="Set the key"):
        OPEN.admit(headers)


@pytest.mark.parametrize(
    ("host", "private"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("x", False)],
)
def test_what_counts_as_this_machine(host: str, private: bool):
    """Loopback addresses and their name; no other name, whatever it may resolve to."""
    assert is_loopback(host) is private
