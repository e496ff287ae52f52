"""Puts the files that a policy includes in front of it, and remembers which value came from which file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from policies.document import MAX_VALUES, Document, UnreadableError, read_bytes, read_document
from policies.findings import Finding, did_you_mean, quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from policies.document import Loc, Place

MAX_FILES: Final = 50
LISTS: Final = ("rules", "experiments", "tests")
MAPPINGS: Final = ("variables", "aliases", "targets")
_ROOT_ONLY: Final = ("baseline", "on_missing_upstream", "limits", "default")
INCLUDABLE: Final = ("version", "include", *MAPPINGS, *LISTS)
"""What an included file may have."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A policy with all that it includes; `document` is whole only when there are no `findings`."""

    document: Document
    findings: tuple[Finding, ...] = ()
    files: tuple[Path, ...] = ()
    """Included files, also those that could not be read: a change to any of them may change the policy."""
    texts: tuple[str, ...] = ()
    """What they say."""


def assemble(document: Document, source: str, folder: Path | None) -> Assembled:
    """`document` with what it includes, directly or not, in front of its own rules, targets and so on.

    Paths are relative to the file that names them and must stay inside `folder`, without which nothing can be
    included. A file that is named twice counts once, at its first place. Where the policy itself defines a variable
    that an included file defines too, its own value holds; anything else defined twice is an error.
    """
    data = document.data
    if not isinstance(data, dict) or not _named(data):
        return Assembled(document)
    if folder is None:
        line, column = document.place(("include",))
        words = "`include` needs a policy in a file; this text stands alone, so put everything into it"
        return Assembled(document, (Finding("error", source, line, column, words),))
    reader = _Reader(folder)
    reader.follow(document, source, PurePath(), ())
    texts = tuple(part.text for part in reader.parts)
    if reader.findings:
        return Assembled(document, tuple(reader.findings), tuple(reader.files), texts)
    merged = _Merged()
    for part in reader.parts:
        merged.add(part.document, part.source)
    merged.add(document, source, root=True)
    rest = {key: value for key, value in data.items() if key not in ("include", *LISTS, *MAPPINGS)}
    whole = Document({**rest, **merged.data}, merged.keys, merged.values, merged.origins)
    return Assembled(whole, tuple(merged.findings), tuple(reader.files), texts)


def _named(data: dict[str, Any]) -> list[str]:
    """The files of `include`; none when it has another form, which is a finding of the parser."""
    names = data.get("include")
    if isinstance(names, str):
        return [names]
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    return []


@dataclass(frozen=True, slots=True)
class _Part:
    source: str
    document: Document
    text: str


class _Reader:
    """Reads every included file once, those that a file includes before itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values = 0
        self.files: dict[Path, None] = {}
        self.parts: list[_Part] = []
        self.findings: list[Finding] = []

    def follow(self, document: Document, source: str, inside: PurePath, above: tuple[PurePath, ...]) -> None:
        """Read what `document` includes; it lies in the subfolder `inside`, and `above` are the files on the way."""
        for index, name in enumerate(_named(document.data if isinstance(document.data, dict) else {})):
            path = PurePath(os.path.normpath(inside / name))  # pathlib would keep `..`
            place = document.place(("include", index))
            if path.is_absolute() or path.parts[:1] == (os.pardir,) or "\x00" in name:
                self._say(f"{quote(name)} lies outside of the folder of the policy", source, place)
            elif path in above:
                self._say(f"{quote(name)} includes itself, by {_way(above, path)}", source, place)
            elif self._folder / path not in self.files:
                self._take(path, source, place, above)

    def _take(self, path: PurePath, source: str, place: Place, above: tuple[PurePath, ...]) -> None:
        if len(self.files) >= MAX_FILES:
            self._say(f"more than {MAX_FILES} files are included", source, place)
            return
        file = self._folder / path
        self.files[file] = None
        try:
            content = read_bytes(file)
        except UnreadableError as unreadable:
            self._say(f"{quote(path)} {unreadable.message}", source, place)
            return
        try:
            document = read_document(content)
        except UnreadableError as unreadable:
            self._say(unreadable.message, str(file), unreadable.place)
            return
        self._values += len(document.values)
        if self._values > MAX_VALUES:
            self._say(f"the included files have more than {MAX_VALUES} values", source, place)
            return
        self.findings += _form(document, str(file))
        self.follow(document, str(file), path.parent, (*above, path))
        self.parts.append(_Part(str(file), document, content.decode("utf-8-sig")))

    def _say(self, message: str, source: str, place: Place) -> None:
        self.findings.append(Finding("error", source, *place, message))


def _form(document: Document, source: str) -> Iterator[Finding]:
    """What an included file may not be or have."""
    data = document.data
    if not isinstance(data, dict):
        yield Finding("error", source, 1, 1, "an included file is a mapping")
        return
    for key, value in data.items():
        place = document.place((key,), key=True)
        if key in _ROOT_ONLY:
            words = f"{quote(key)} belongs in the policy itself, not in a file that it includes"
            yield Finding("error", source, *place, words)
        elif key not in INCLUDABLE:
            yield Finding("error", source, *place, f"unknown key {quote(key)}{did_you_mean(key, INCLUDABLE)}")
        elif key in LISTS and not isinstance(value, list):
            yield Finding("error", source, *place, f"{quote(key)} should be a list")
        elif key in MAPPINGS and not isinstance(value, dict):
            yield Finding("error", source, *place, f"{quote(key)} should be a mapping")
        elif key == "version" and value != 1:
            words = f"unknown version {quote(value)}; this build reads `1`"
            yield Finding("error", source, *document.place(("version",)), words)


@dataclass(slots=True)
class _Merged:
    """Sections of several files as one, with the place of each value."""

    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Loc, Place] = field(default_factory=dict)
    values: dict[Loc, Place] = field(default_factory=dict)
    origins: dict[Loc, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, document: Document, source: str, *, root: bool = False) -> None:
        """Append the sections of an included file, or at the end those of the policy itself: the `root`."""
        data = document.data if isinstance(document.data, dict) else {}
        shift = {name: len(self.data.get(name, ())) for name in LISTS}
        for name in (*MAPPINGS, *LISTS):
            value = data.get(name)
            if name in MAPPINGS and isinstance(value, dict):
                self._update(name, value, document, source, root=root)
            elif name in LISTS and isinstance(value, list) and isinstance(self.data.get(name, []), list):
                self.data[name] = [*self.data.get(name, []), *value]
                if not root:
                    self.origins.update({(name, shift[name] + i): source for i in range(len(value))})
            elif name in data:  # of the wrong form: the parser says so
                self.data[name] = value
        for places, found in ((self.keys, document.keys), (self.values, document.values)):
            for loc, place in found.items():
                if root or len(loc) > 1:
                    places[_moved(loc, shift)] = place

    def _update(
        self, name: str, value: dict[str, Any], document: Document, source: str, *, root: bool
    ) -> None:
        known = self.data.setdefault(name, {})
        for key in value:
            if key in known and not (name == "variables" and root):
                where = f"{self.origins[name, key]}:{self.keys[name, key][0]}"
                words = f"{quote(key)} is already one of the {name}, in {where}"
                at = document.place((name, key), key=True)
                self.findings.append(Finding("error", source, *at, words))
            if root:
                self.origins.pop((name, key), None)
            else:
                self.origins[name, key] = source
        known.update(value)


def _moved(loc: Loc, shift: dict[str, int]) -> Loc:
    """Where a value stands in the whole."""
    if len(loc) > 1 and isinstance(loc[0], str) and isinstance(loc[1], int):
        return (loc[0], loc[1] + shift.get(loc[0], 0), *loc[2:])
    return loc


def _way(above: tuple[PurePath, ...], path: PurePath) -> str:
    return " and ".join(quote(name) for name in (*above[above.index(path) + 1 :], path))
