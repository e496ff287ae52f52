"""Publishing above the source: what is refused before anything is touched, and what can be said without a history."""

from __future__ import annotations

import pytest

from gateway.errors import HistoryUnavailable, PolicyRefused
from gateway.publishing.editions import Signature
from gateway.publishing.publisher import Publisher
from policies.findings import Finding
from policies.store import Refused
from tests.unit.gateway.build import POLICY
from tests.unit.gateway.publishing.build import OTHER, by_file, comparer

ANNA = Signature("anna", "because", "api")


@pytest.fixture
def path(tmp_path):
    """Where the policy file is; its folder is there."""
    (tmp_path / "policies").mkdir()
    return tmp_path / "policies" / "p.yaml"


def trusting(found):
    """A judge that finds only what loading found."""
    return found.findings if isinstance(found, Refused) else found.warnings


async def test_an_error_that_the_judge_finds_refuses_a_policy_that_loads(path):
    """Nothing is written, and the findings are all there; a warning is passed on and stops nothing."""
    error, warning = (
        Finding(severity, "policy", 3, 1, "m", check="test") for severity in ("error", "warning")
    )
    async with by_file(path) as (holder, source, versions):
        publisher = Publisher(holder, source, versions, comparer(holder))
        with pytest.raises(PolicyRefused) as raised:
            await publisher.publish(OTHER, "*", ANNA, lambda _: (warning, error))
        assert len(raised.value.details["findings"]) == 2 and path.read_text() == POLICY
        done = await publisher.publish(OTHER, "*", ANNA, lambda _: (warning,))
        assert done.findings == (warning,) and path.read_text() == OTHER


async def test_a_version_does_not_come_back_without_what_it_included(path):
    """The text alone would be another policy: the rollback says which files to put back, and then works."""
    path.write_text(POLICY + "include: more.yaml\n")
    more = path.parent / "more.yaml"
    more.write_text("rules: []\n")
    async with by_file(path) as (holder, source, versions):
        publisher = Publisher(holder, source, versions, comparer(holder))
        first = holder.current.version
        await publisher.publish(OTHER, "*", ANNA, trusting)
        more.write_text("rules: [{id: new, when: {tools: true}, then: {steps: [large]}}]\n")
        with pytest.raises(PolicyRefused, match=r"more.yaml.*put them back first"):
            await publisher.rollback(first, None, "anna", "errors")
        more.write_text("rules: []\n")
        await publisher.rollback(first, None, "anna", "errors")
        assert holder.current.version == first


async def test_what_serves_can_be_read_without_the_history(tmp_path, path):
    """Who published it is unknown until the database answers; going back needs it."""
    async with by_file(path) as (holder, source, versions):
        publisher = Publisher(holder, source, versions, comparer(holder))
        await versions._engine.dispose()
        for found in tmp_path.glob("records.db*"):
            found.unlink()
        (tmp_path / "records.db").mkdir()
        assert await publisher.current() == (holder.current, None)
        with pytest.raises(HistoryUnavailable):
            await publisher.rollback("v", None, "anna", "errors")
