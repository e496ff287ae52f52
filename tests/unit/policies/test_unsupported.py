"""What the gateway cannot do yet is refused and never silently left undone."""

from __future__ import annotations

import pytest

from tests.unit.policies.build import TARGETS, findings


@pytest.mark.parametrize(
    ("default", "key"),
    [
        ("{steps: [small, mid], hedge: {}}", "hedge"),
        ("{chain: [{target: mid}, {target: small, instruction: '{answer}'}]}", "chain"),
        ("{steps: [small], shadow: {targets: [mid]}}", "shadow"),
    ],
)
def test_plans_ahead_of_the_gateway_are_refused(default, key):
    """The finding stands at the key and says that it is a matter of time."""
    found = [finding.split(" ", 1)[1] for finding in findings(TARGETS + f"default: {default}\n")]
    assert found == [f"`{key}` is not supported by this release yet"]
