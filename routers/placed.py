"""Ability vectors of a deployment's own targets, kept in one versioned file beside the records."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from routers.classifier import RequestClassifier

FILE: Final = "abilities.json"
FORMAT: Final = 1


class PlacedError(Exception):
    """The file of placed abilities cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PlacedAbility:
    """Where a target stands among the models that one version of the classifier knows."""

    name: str
    classifier: str
    """Version of the classifier whose embeddings the vector is scored against; it means nothing to another."""
    vector: tuple[float, ...]
    date: str
    """ISO 8601, UTC."""
    examples: int
    acceptable: float
    """Mean grade of the examples."""
    file_sha256: str


@dataclass(frozen=True, slots=True)
class PlacedAbilities:
    """The content of the file: at most one ability for each name and classifier version."""

    abilities: tuple[PlacedAbility, ...] = ()

    @classmethod
    def read(cls, data_dir: Path) -> Self:
        """Read the file of a data directory; nothing is placed when there is none. Raises `PlacedError`."""
        path = data_dir / FILE
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise PlacedError(
                f"{path} cannot be read ({error}); restore it, or delete it and {_AGAIN}"
            ) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PlacedError(
                f"{path} is not in format {FORMAT}, which this version reads; delete it and {_AGAIN}"
            )
        try:
            return cls(tuple(_ability(entry) for entry in content["abilities"]))
        except (KeyError, TypeError, ValueError) as error:
            raise PlacedError(
                f"{path} is damaged ({error}); restore it, or delete it and {_AGAIN}"
            ) from error

    def write(self, data_dir: Path) -> None:
        """Replace the file, whole or not at all."""
        content = {"format": FORMAT, "abilities": [asdict(ability) for ability in self.abilities]}
        replace_text(data_dir / FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def with_ability(self, placed: PlacedAbility) -> Self:
        """The same with `placed` instead of an older one of its name and classifier version."""
        kept = [a for a in self.abilities if (a.name, a.classifier) != (placed.name, placed.classifier)]
        return type(self)((*kept, placed))

    def of(self, classifier: str) -> Mapping[str, PlacedAbility]:
        """The abilities that were placed for this version of the classifier, by name."""
        return {ability.name: ability for ability in self.abilities if ability.classifier == classifier}

    def refused(self, classifier: RequestClassifier) -> Mapping[str, str]:
        """Names that were placed for other versions and are unknown to this one, each with what to do."""
        known = {*self.of(classifier.version), *classifier.abilities}
        return {
            ability.name: f"The ability of `{ability.name}` was placed for classifier {ability.classifier} and "
            f"does not fit {classifier.version}, which is in force: calibrate it again with "
            f"`pointsman targets calibrate {ability.name}`."
            for ability in self.abilities
            if ability.name not in known
        }


def with_placed(classifier: RequestClassifier, placed: PlacedAbilities) -> RequestClassifier:
    """The classifier that also knows what was placed for its version. Raises `PlacedError`."""
    vectors = {
        name: np.array(ability.vector, dtype=np.float32)
        for name, ability in placed.of(classifier.version).items()
    }
    try:
        return classifier.with_abilities(vectors)
    except ValueError as error:
        raise PlacedError(f"{FILE} is damaged ({error}); restore it, or delete it and {_AGAIN}") from error


def replace_text(path: Path, text: str) -> None:
    """Write a file so that any reader sees the old content or the new one, even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with new.open("w", encoding="utf-8") as lines:
        lines.write(text)
        lines.flush()
        os.fsync(lines.fileno())
    new.replace(path)


_AGAIN: Final = "run `pointsman targets calibrate` again"


def _ability(entry: Mapping[str, Any]) -> PlacedAbility:
    given = {field.name: entry[field.name] for field in fields(PlacedAbility)}
    vector = tuple(float(value) for value in given["vector"])
    if not vector or not all(map(math.isfinite, vector)):
        raise ValueError(f"the vector of `{given['name']}` is not one of finite numbers")
    return PlacedAbility(**{**given, "name": str(given["name"]), "vector": vector})
