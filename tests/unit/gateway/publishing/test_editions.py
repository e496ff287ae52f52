"""What a publication is called, and what it changed."""

from __future__ import annotations

import pytest

from gateway.publishing.editions import matches, tag
from tests.unit.gateway.build import POLICY, live

LIVE = live()
TAG = tag(LIVE.version, LIVE.digest)


@pytest.mark.parametrize("header", [TAG, f'"other", {TAG}', "*", f'"{LIVE.version}"'])
def test_if_match_names_the_policy_in_force(header: str):
    """By its tag, in a list, by its bare version, or whichever it is."""
    assert matches(header, LIVE)


@pytest.mark.parametrize("header", ["", '"other"', LIVE.version, f"W/{TAG}", TAG.strip('"'), TAG[:-2] + '"'])
def test_if_match_names_another(header: str):
    """Without quotes, as a weak tag, or shortened it names nothing."""
    assert not matches(header, LIVE)


def test_the_tag_changes_with_a_comment():
    """The version does not."""
    other = live(POLICY + "# a comment\n")
    assert other.version == LIVE.version
    assert tag(other.version, other.digest) != TAG
