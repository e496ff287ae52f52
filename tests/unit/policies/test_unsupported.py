"""What the gateway cannot do yet is refused and never silently left undone."""

from __future__ import annotations

from tests.unit.policies.build import TARGETS, findings


def test_what_is_ahead_of_the_gateway_is_refused():
    """The finding stands at the key and says that it is a matter of time."""
    text = TARGETS + "variables: {a: 1}\ndefault: {steps: [small]}\n"
    found = [finding.split(" ", 1)[1] for finding in findings(text)]
    assert found[-1:] == ["`variables` is not supported by this release yet"]
