"""What a publication changed, in meaning where both policies can be read."""

from __future__ import annotations

import pytest

from gateway.publishing.comparing import in_lines
from gateway.publishing.editions import Signature, entry
from tests.unit.gateway.build import POLICY, live
from tests.unit.gateway.publishing.build import OTHER, comparer, hold

BY = Signature("anna", "because", "api")


@pytest.fixture
def holder(tmp_path):
    """A holder of the plain policy."""
    return hold(tmp_path / "p.yaml")


def said(changes):
    return [change["message"] for change in changes["meaning"]]


async def test_a_change_is_told_in_words_and_in_lines(holder):
    """Against a policy in force and against one from the history alike; nothing against nothing."""
    after, compare = holder.build(OTHER, "p"), comparer(holder)
    kept = entry(None, holder.current, BY)
    for before in (holder.current, kept):
        changes = await compare.between(before, after)
        assert any("default" in message for message in said(changes)) and changes["reroutes"]
        assert "+default: {steps: [mid]}" in changes["text"]
    assert await compare.between(None, after) == {}


async def test_a_comment_changes_no_meaning(holder):
    """It is seen in the lines."""
    changes = await comparer(holder).between(holder.current, holder.build(POLICY + "# why\n", "p"))
    assert said(changes) == [] and not changes["reroutes"] and "+# why" in changes["text"]


async def test_a_policy_that_cannot_be_read_any_more_is_compared_in_lines(holder):
    """What another release wrote, or what has lost the files that it included."""
    unreadable = entry(None, live(), BY)
    old = type(unreadable)(
        **{n: getattr(unreadable, n) for n in unreadable.__slots__} | {"text": "version: 2\n"}
    )
    assert set(await comparer(holder).between(old, holder.current)) == {"text"}


async def test_an_edit_of_an_included_file_is_told(holder, tmp_path):
    """Though the text of the policy is the same: what it said before is remembered."""
    (tmp_path / "p.yaml").write_text(POLICY + "include: more.yaml\n")
    more = tmp_path / "more.yaml"
    more.write_text("rules: []\n")
    holder.reload()
    kept, compare = entry(None, holder.current, BY), comparer(holder)
    compare.remember(holder.current)
    more.write_text("rules: [{id: new, when: {tools: true}, then: {steps: [large]}}]\n")
    holder.reload()
    assert any("`new`" in message for message in said(await compare.between(kept, holder.current)))
    assert "meaning" not in await comparer(holder).between(kept, holder.current)


def test_lines_are_bounded():
    """A rewritten policy of many lines does not fill the history."""
    shown = in_lines("", "\n".join(map(str, range(9_000))))
    assert shown.count("\n") == 2_000 and shown.endswith("(only the first 2000 lines are shown)")
