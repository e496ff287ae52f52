"""Specialists by name and by folder, without loading weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from routers.specialists.registry import SHIPPED_DIR, SpecialistError, find, read_card, shipped

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, **changes: Any) -> Path:
    card = json.loads((SHIPPED_DIR / "sentiment" / "config.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**card, **changes}), encoding="utf-8")
    return folder


def test_ships_a_sentiment_specialist_with_its_figures() -> None:
    """The shipped card states labels, base model, licence and a held-out figure inside its interval."""
    card = shipped()["sentiment"]
    assert card.labels == ("negative", "positive")
    assert (card.base, card.licence) == ("all-minilm-l6-v2", "Apache-2.0")
    figure = card.held_out[0]
    assert figure.interval[0] <= figure.accuracy <= figure.interval[1]


@pytest.mark.parametrize("folder", sorted(path.parent for path in SHIPPED_DIR.glob("*/config.json")), ids=str)
def test_every_shipped_folder_is_whole(folder: Path) -> None:
    """A shipped specialist has weights in safetensors, a card, perhaps figures and confidences, and nothing else."""
    optional = {"report.json", "calibration.json"}
    assert {path.name for path in folder.iterdir()} - optional == {
        "CARD.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "config.json",
        "head.safetensors",
    }


def test_finds_a_specialist_by_its_folder(tmp_path: Path) -> None:
    """A user's own folder is a specialist like a shipped one."""
    folder, card = find(written(tmp_path / "mine", name="mine"))
    assert (folder, card.name) == (tmp_path / "mine", "mine")


def test_names_the_specialists_that_exist() -> None:
    """An unknown name is answered with the known ones."""
    with pytest.raises(SpecialistError, match=r"no specialist is called `sentimnet`.*sentiment"):
        find("sentimnet")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0}, "temperature"),
        ({"format": 2}, "format"),
        ({"labels": ["negative"]}, "labels"),
        ({"colour": "red"}, "colour"),
        ({"words": {"negative": ["bad"]}}, "one entry for each"),
        ({"words": {"negative": ["bad"], "positive": ["bad"]}}, "`bad` names both"),
        ({"words": {"negative": ["neutral"], "positive": ["good"]}}, "`neutral` names both"),
    ],
)
def test_says_what_is_wrong_with_a_card(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A wrong `config.json` is refused with its path and the field."""
    folder = written(tmp_path / "mine", **changes)
    with pytest.raises(SpecialistError, match=message) as caught:
        read_card(folder)
    assert str(folder / "config.json") in str(caught.value)


def test_says_that_a_folder_is_no_specialist(tmp_path: Path) -> None:
    """A folder without `config.json` is named in the error."""
    with pytest.raises(SpecialistError, match=r"config\.json is missing"):
        find(tmp_path)
