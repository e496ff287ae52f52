"""Models from the hub: what is kept of a download, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huggingface_hub import constants

from routers.catalogue import CatalogueError
from routers.hub import pull_from_hub

if TYPE_CHECKING:
    from pathlib import Path


class Hub:
    """Hands out a repository with the given files."""

    def __init__(self, *files: str) -> None:
        self.files = files
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, repo: str, revision: str | None, into: Path) -> None:
        """Write the files into the folder."""
        self.asked.append((repo, revision))
        into.mkdir()
        for file in self.files:
            (into / file).write_text("x")


def quiet(_: str) -> None:
    """No progress."""


def test_pulled_folder_is_named_after_the_repository(tmp_path: Path) -> None:
    """The folder has the repository's short name, so that it can be served by that name; a second pull is free."""
    hub = Hub("config.json", "model.safetensors")
    for _ in range(2):
        folder = pull_from_hub("hf:acme/tiny@abc123", tmp_path, quiet, download=hub)
    assert folder == tmp_path / "tiny"
    assert [path.name for path in sorted(folder.iterdir())] == ["config.json", "model.safetensors"]
    assert hub.asked == [("acme/tiny", "abc123")]


def test_repository_without_safe_weights_is_refused(tmp_path: Path) -> None:
    """A repository that only has pickles leaves nothing behind."""
    with pytest.raises(CatalogueError, match="nothing was kept"):
        pull_from_hub("hf:acme/old", tmp_path, quiet, download=Hub("config.json"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["hf:tiny", "hf:acme/../x", "hf:a/b/c", "acme/tiny", "hf:acme/tiny@../x"])
def test_malformed_names_are_refused(tmp_path: Path, name: str) -> None:
    """Only an organisation and a name, with an optional revision, are accepted."""
    with pytest.raises(CatalogueError, match="is not hf:ORG/NAME"):
        pull_from_hub(name, tmp_path, quiet, download=Hub())


def test_unreachable_hub_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the hub may not be reached the error says so, and nothing is left behind."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CatalogueError, match="the hub did not give `acme/tiny`"):
        pull_from_hub("hf:acme/tiny", tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []
