"""Placed abilities on disk, and a classifier that knows them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from routers.classifier import RequestClassifier
from routers.labels import REFERENCE_MODEL
from routers.placed import FILE, PlacedAbilities, PlacedAbility, PlacedError, with_placed
from routers.signals import RequestText

TEXT = RequestText(user="What is the capital of France?")


@pytest.fixture(scope="module")
def classifier() -> RequestClassifier:
    return RequestClassifier.load()


@pytest.fixture
def placed(classifier) -> PlacedAbility:
    vector = tuple(map(float, classifier.ability_vectors[REFERENCE_MODEL] + np.float32(0.5)))
    return PlacedAbility("mine", classifier.version, vector, "2026-11-24T00:00:00+00:00", 50, 0.6, "ab" * 32)


def test_nothing_is_placed_before_anything_is_written(tmp_path) -> None:
    """A data directory without the file has no placed abilities."""
    assert PlacedAbilities.read(tmp_path) == PlacedAbilities()


def test_what_is_written_is_read(tmp_path, placed) -> None:
    """The file keeps every field, one entry for each name and version, and no temporary file stays."""
    other = dataclasses.replace(placed, classifier="0" * 12)
    PlacedAbilities().with_ability(placed).with_ability(other).with_ability(placed).write(tmp_path / "new")
    read = PlacedAbilities.read(tmp_path / "new")
    assert set(read.abilities) == {placed, other}
    assert read.of(placed.classifier) == {"mine": placed}
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "format 1"),
        ('{"format": 2, "abilities": []}', "format 1"),
        ('{"format": 1}', "damaged"),
        ('{"format": 1, "abilities": [{"name": "x"}]}', "damaged"),
        ('{"format": 1, "abilities": 3}', "damaged"),
    ],
)
def test_a_damaged_file_says_what_to_do(tmp_path, content, said) -> None:
    """The error names the file and the command that makes it anew."""
    (tmp_path / FILE).write_text(content)
    with pytest.raises(PlacedError, match=said) as caught:
        PlacedAbilities.read(tmp_path)
    assert "pointsman targets calibrate" in str(caught.value)
    assert FILE in str(caught.value)


def test_a_vector_that_is_not_finite_is_damage(tmp_path, placed) -> None:
    """NaN in the file is found when it is read, not when a request is routed."""
    entry = {**dataclasses.asdict(placed), "vector": [float("nan")]}
    (tmp_path / FILE).write_text(json.dumps({"format": 1, "abilities": [entry]}))
    with pytest.raises(PlacedError, match="finite"):
        PlacedAbilities.read(tmp_path)


def test_the_classifier_predicts_the_success_of_what_was_placed(classifier, placed) -> None:
    """Success of the new name follows its vector; every other signal stays; the version tells them apart."""
    more = with_placed(classifier, PlacedAbilities((placed,)))
    before, after = classifier.classify(TEXT), more.classify(TEXT)
    assert after.success["mine"] != before.success[REFERENCE_MODEL]
    assert {name: p for name, p in after.success.items() if name != "mine"} == before.success
    assert dataclasses.replace(after, success={}) == dataclasses.replace(before, success={})
    assert more.abilities == (*classifier.abilities, "mine")
    assert more.version.startswith(f"{classifier.version}+")


def test_a_known_name_can_be_placed_and_difficulty_stays(classifier, placed) -> None:
    """A deployment's own grades win over the known model of that name, also for the reference model."""
    own = dataclasses.replace(placed, name=REFERENCE_MODEL)
    more = with_placed(classifier, PlacedAbilities((own,)))
    before, after = classifier.classify(TEXT), more.classify(TEXT)
    assert after.success[REFERENCE_MODEL] != before.success[REFERENCE_MODEL]
    assert after.difficulty == before.difficulty
    assert more.abilities == classifier.abilities


def test_a_vector_for_another_classifier_is_refused(classifier, placed) -> None:
    """It is not used, and a sentence says to calibrate again, naming both versions."""
    foreign = PlacedAbilities((dataclasses.replace(placed, classifier="0" * 12),))
    assert with_placed(classifier, foreign) is classifier
    sentence = foreign.refused(classifier)["mine"]
    assert "0" * 12 in sentence
    assert classifier.version in sentence
    assert "pointsman targets calibrate mine" in sentence
    assert foreign.with_ability(placed).refused(classifier) == {}


def test_a_vector_of_another_length_is_damage(classifier, placed) -> None:
    """It is found when the classifier is put together."""
    short = dataclasses.replace(placed, vector=placed.vector[:-1])
    with pytest.raises(PlacedError, match="damaged"):
        with_placed(classifier, PlacedAbilities((short,)))
