"""Versions of the classifier that were learnt in one deployment, and which of them is in force."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from routers.artifact import SHIPPED, ArtifactError, digest
from routers.classifier import RequestClassifier
from routers.placed import replace_text

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "router"
FORMAT: Final = 1
_POINTER: Final = "current"
_VERSION: Final = re.compile(r"[0-9a-f]{12}")


class NothingToRollBackError(Exception):
    """No version was learnt, or all were rolled back: there is no older one."""


@dataclass(frozen=True, slots=True)
class Versions:
    """`<version>/` folders beside a pointer to the one in force and those before it."""

    folder: Path
    base: Path = SHIPPED
    """The artifact that the first version was learnt from."""

    @classmethod
    def of(cls, data_dir: Path, base: Path | None = None) -> Versions:
        """The versions of a data directory that were learnt from `base`, or from the shipped artifact.

        Each base has its own, so that a change of base is never a change back to something learnt before. Raises
        `ArtifactError` when `base` is no artifact.
        """
        if base is None:
            return cls(data_dir / FOLDER)
        try:
            return cls(data_dir / f"{FOLDER}-{digest(base)}", base)
        except OSError as error:
            raise ArtifactError(f"no classifier in {base}: {error.filename} {_CANNOT}") from error

    @property
    def current(self) -> Path:
        """The artifact in force: the version pointed to, else the base. Raises `ArtifactError`."""
        history = self._history()
        return self.folder / history[-1] if history else self.base

    def load(self) -> RequestClassifier:
        """The classifier in force. Raises `ArtifactError` when its folder is missing or was altered."""
        folder = self.current
        if folder == self.base:
            return RequestClassifier.load(folder)
        try:
            found = digest(folder)
        except OSError as error:
            raise ArtifactError(f"{folder} is incomplete ({error.strerror}); {_REMEDY}") from error
        if found != folder.name:
            raise ArtifactError(f"{folder} was altered: its content is version {found}; {_REMEDY}")
        try:
            return RequestClassifier.load(folder)
        except ArtifactError as error:
            raise ArtifactError(f"{error}; {_REMEDY}") from error

    def publish(self, candidate: Path) -> str:
        """Move a candidate's folder among the versions and put it in force; the others stay. Returns its name."""
        version = digest(candidate)
        history = self._history()
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / version).exists():
            shutil.rmtree(candidate)
        else:
            candidate.rename(self.folder / version)
        if not history or history[-1] != version:
            self._point([*history, version])
        return version

    def roll_back(self) -> str:
        """Put the version before the current one in force, and return its name. Raises `NothingToRollBackError`."""
        history = self._history()
        if not history:
            raise NothingToRollBackError(f"{self._base_name} is in force: there is no version before it")
        self._point(history[:-1])
        return history[-2] if len(history) > 1 else digest(self.base)

    @property
    def _base_name(self) -> str:
        return "the shipped classifier" if self.base == SHIPPED else f"the classifier in {self.base}"

    def _history(self) -> list[str]:
        """Versions in the order in which they came into force; empty for the shipped one."""
        path = self.folder / _POINTER
        try:
            content = json.loads(path.read_bytes())
            history = content["history"] if content["format"] == FORMAT else None
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{path} cannot be read ({error}); {_POINTER_REMEDY}") from error
        if not isinstance(history, list) or not all(_VERSION.fullmatch(str(entry)) for entry in history):
            raise ArtifactError(f"{path} names no versions in format {FORMAT}; {_POINTER_REMEDY}")
        return history

    def _point(self, history: list[str]) -> None:
        content = json.dumps({"format": FORMAT, "history": history}, indent=1)
        replace_text(self.folder / _POINTER, content + "\n")


_CANNOT: Final = "is missing or cannot be read"
_REMEDY: Final = "restore it, or run `pointsman learn routing --rollback`"
_POINTER_REMEDY: Final = "restore it, or delete it to go back to the classifier that learning began with"
