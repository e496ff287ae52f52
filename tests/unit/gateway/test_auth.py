"""Keys and callers."""

from __future__ import annotations

import pytest

from gateway.auth import Authenticator, digest
from gateway.config import Key
from gateway.errors import Unauthorised
from gateway.types import Caller

KEYS = [Key(id="app", sha256=digest("key-one"), tenant="acme"), Key(id="batch", sha256=digest("key-two"))]


def test_without_keys_everybody_is_the_default_caller():
    """Open mode ignores whatever is presented."""
    door = Authenticator([])
    assert door.open
    assert door.authenticate(None) == door.authenticate("Bearer x") == Caller()


def test_a_key_names_its_caller():
    """Tenant and public id, never the secret; the scheme may be written in any case."""
    door = Authenticator(KEYS, single_key="key-three")
    assert not door.open
    assert door.authenticate("Bearer key-one") == Caller("acme", "app")
    assert door.authenticate("bearer  key-two ") == Caller("default", "batch")
    assert door.authenticate("Bearer key-three") == Caller("default", "default")


NEAR_MISSES = [
    "key-one",
    "Bearer key-on",
    "Bearer KEY-ONE",
    "Bearer key-one,key-two",
    f"Bearer {digest('key-one')}",
]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic a2V5LW9uZQ==", *NEAR_MISSES])
def test_anything_else_is_refused(header):
    """Missing, malformed, wrong and near misses; a stored digest is not a key."""
    with pytest.raises(Unauthorised) as raised:
        Authenticator(KEYS).authenticate(header)
    assert "key-one" not in raised.value.message


def test_an_empty_single_key_is_no_key():
    """An unset secret in a deployment must not become a key that everybody knows."""
    assert Authenticator([], single_key="").open
