"""Reloading a policy: whole or not at all."""

from __future__ import annotations

import pytest

from gateway.errors import StartupError
from gateway.execute.catalogue import Catalogue
from gateway.live import PolicyHolder
from policies.labels import Labels
from tests.unit.gateway.build import POLICY

LABELS = Labels(frozenset({"chat"}), frozenset({"other"}), frozenset())


def hold(path):
    return PolicyHolder(path, Catalogue({}, {}, "unix:///w.sock"), LABELS, 0.04)


@pytest.fixture
def path(tmp_path):
    """A sound policy file."""
    found = tmp_path / "policy.yaml"
    found.write_text(POLICY)
    return found


def test_a_bad_edit_changes_nothing_and_says_why(path):
    """The old object keeps serving; findings have file and line."""
    holder = hold(path)
    before = holder.current
    path.write_text(POLICY + "extra: 1\n")
    assert not holder.reload()
    assert holder.current is before
    assert [str(f).removeprefix(f"{path}:").split(":")[0] for f in holder.refused] == ["9"]


def test_a_file_that_is_gone_changes_nothing(path):
    """An editor that replaces a file in two steps does no harm."""
    holder = hold(path)
    path.unlink()
    assert not holder.reload()
    assert "cannot be read" in holder.refused[0].message


def test_a_good_edit_is_swapped_whole(path):
    """Policy, endpoints, prices and version together; a request that holds the old one keeps it."""
    holder = hold(path)
    before = holder.current
    path.write_text(
        POLICY.replace("small, mid", "small, extra").replace(
            "default:", "  extra: {kind: local, model: e}\ndefault:"
        )
    )
    assert holder.reload()
    assert holder.current.version != before.version
    assert "extra" in holder.current.endpoints and "extra" not in before.endpoints
    assert holder.refused == ()


def test_a_good_file_clears_earlier_findings(path):
    """Also when it is the one that has been serving all along."""
    holder = hold(path)
    path.write_text("nonsense")
    holder.reload()
    path.write_text(POLICY + "# only a comment\n")
    assert not holder.reload()
    assert holder.refused == ()


def test_a_bad_file_at_start_is_every_finding_at_once(tmp_path):
    """There is nothing to fall back on."""
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\ntargets: {a: {kind: local, model: m, x: 1}}\ndefault: {steps: [a], y: 2}\n")
    with pytest.raises(StartupError) as raised:
        hold(path)
    assert len(raised.value.findings) == 2
