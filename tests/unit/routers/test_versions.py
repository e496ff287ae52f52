"""Which version of the classifier is in force, and what happens when its files are not what they were."""

from __future__ import annotations

import json
import shutil

import pytest

from routers.artifact import SHIPPED, ArtifactError, digest
from routers.classifier import RequestClassifier
from routers.versions import NothingToRollBackError, Versions


def candidate(folder, note: str):
    """A copy of the shipped artifact under another hash."""
    shutil.copytree(SHIPPED, folder)
    config = folder / "config.json"
    config.chmod(0o644)
    config.write_text(json.dumps({**json.loads(config.read_text()), "note": note}))
    return folder


def test_the_shipped_classifier_is_in_force_at_first(tmp_path) -> None:
    """Without a pointer nothing has changed, and there is nothing to go back to."""
    versions = Versions.of(tmp_path)
    assert versions.current == SHIPPED
    assert versions.load().version == RequestClassifier.load().version
    with pytest.raises(NothingToRollBackError, match="no version before it"):
        versions.roll_back()


def test_versions_are_kept_and_rolled_back_in_turn(tmp_path) -> None:
    """Each publication is in force at once; each rollback returns to the one before, down to the shipped one."""
    versions = Versions.of(tmp_path)
    first = versions.publish(candidate(tmp_path / "a", "first"))
    second = versions.publish(candidate(tmp_path / "b", "second"))
    assert versions.load().version == second
    assert not (tmp_path / "b").exists()
    assert versions.roll_back() == first
    assert versions.load().version == first
    assert versions.roll_back() == digest(SHIPPED)
    assert versions.current == SHIPPED
    assert {path.name for path in versions.folder.iterdir()} == {first, second, "current"}
    assert versions.publish(candidate(tmp_path / "c", "first")) == first
    assert versions.load().version == first


def test_an_altered_version_is_refused(tmp_path) -> None:
    """A folder whose content is not what its name says is not served, and the message says how to go back."""
    versions = Versions.of(tmp_path)
    version = versions.publish(candidate(tmp_path / "a", "first"))
    config = versions.folder / version / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ArtifactError, match=r"was altered.*--rollback"):
        versions.load()
    config.unlink()
    with pytest.raises(ArtifactError, match=r"incomplete.*--rollback"):
        versions.load()


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format": 2, "history": []}',
        '{"format": 1, "history": ["../../elsewhere"]}',
        '{"format": 1}',
    ],
)
def test_a_damaged_pointer_says_how_to_go_back(tmp_path, content) -> None:
    """It is never read as a path, and deleting it is the way out."""
    versions = Versions.of(tmp_path)
    versions.folder.mkdir()
    (versions.folder / "current").write_text(content)
    with pytest.raises(ArtifactError, match="delete it"):
        versions.load()


def test_each_base_has_versions_of_its_own(tmp_path) -> None:
    """What was learnt from one classifier is never served in place of another that was chosen later."""
    base = candidate(tmp_path / "base", "another one")
    shipped, chosen = Versions.of(tmp_path), Versions.of(tmp_path, base)
    learnt = shipped.publish(candidate(tmp_path / "a", "first"))
    assert chosen.current == base
    assert chosen.load().version == digest(base)
    with pytest.raises(NothingToRollBackError, match=r"the classifier in .*base is in force"):
        chosen.roll_back()
    assert shipped.load().version == learnt


def test_a_base_that_is_no_artifact_is_named(tmp_path) -> None:
    """The message has the folder and the file that is missing."""
    with pytest.raises(ArtifactError, match=r"no classifier in .*absent: .*config\.json is missing"):
        Versions.of(tmp_path, tmp_path / "absent")
