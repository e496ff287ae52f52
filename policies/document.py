"""Reads YAML into plain data and remembers where each value stood. Only the plain part of YAML is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from policies.findings import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_VALUES = 20_000
"""Bounds time: a large policy has some thousands of values."""

Loc = tuple[str | int, ...]
Plain = dict[str, Any] | list[Any] | str | int | float | bool | None
Place = tuple[int, int]
"""Line and column, from 1."""


class UnreadableError(Exception):
    """The text is not a document we read; says where and why."""

    def __init__(self, message: str, place: Place = (1, 1)) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data with the place of every key and value."""

    data: Plain
    keys: dict[Loc, Place] = field(default_factory=dict)
    values: dict[Loc, Place] = field(default_factory=dict)
    origins: dict[Loc, str] = field(default_factory=dict)
    """The first two parts of a place -> the file it came from, where that is another one."""
    variables: dict[Loc, str] = field(default_factory=dict)
    """Where a variable stood -> its name."""

    def place(self, loc: Loc, *, key: bool = False) -> Place:
        """Where the value at `loc` stands, or with `key` its key; of the nearest parent if it is absent."""
        for end in range(len(loc), -1, -1):
            if key and end == len(loc) and loc in self.keys:
                return self.keys[loc]
            if loc[:end] in self.values:
                return self.values[loc[:end]]
        return (1, 1)

    def origin(self, loc: Loc) -> str | None:
        """The included file that the value at `loc` came from; None if it stands in the policy itself."""
        return self.origins.get(loc[:2])

    def variable(self, loc: Loc) -> str:
        """` (the value of `$name`)` where a variable stood at `loc`, for the end of a message; else nothing."""
        name = self.variables.get(loc)
        return f" (the value of {quote('$' + name)})" if name is not None else ""


def read_bytes(path: Path) -> bytes:
    """The whole file; raises `UnreadableError` when it cannot be read or has more than `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
            size = len(content) if len(content) <= MAX_BYTES else path.stat().st_size
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
        raise UnreadableError(f"cannot be read: {reason}") from error
    if size > MAX_BYTES:
        raise UnreadableError(f"the file has {size} bytes; at most {MAX_BYTES} are read")
    return content


def read_document(content: bytes | str) -> Document:
    """The data of one YAML document; raises `UnreadableError`.

    Refused: more than `MAX_BYTES`, text that is not UTF-8, anchors and aliases, tags, duplicate keys,
    more than `MAX_DEPTH` levels or `MAX_VALUES` values. Time is linear in the size.
    """
    text = _text(content)
    yaml = YAML(typ="safe", pure=True)
    try:
        return _Builder(yaml.resolver.resolve).build(yaml.parse(text))
    except MarkedYAMLError as error:
        raise _syntax_error(error, text) from error
    except YAMLError as error:
        raise UnreadableError(f"not readable as yaml: {_first_line(str(error))}") from error


def _text(content: bytes | str) -> str:
    size = len(content) if isinstance(content, bytes) else len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise UnreadableError(f"the file has {size} bytes; at most {MAX_BYTES} are read")
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        place = (before.count(b"\n") + 1, error.start - line_start + 1)
        raise UnreadableError(f"not utf-8: byte `0x{content[error.start]:02x}`", place) from error


def _syntax_error(error: MarkedYAMLError, text: str) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = text.split("\n")
    line = lines[place[0] - 1] if place[0] <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return UnreadableError("indented with a tab; use spaces", place)
    words = [part for part in (error.context, error.problem) if part]
    return UnreadableError(f"not readable as yaml: {_first_line(', '.join(words))}", place)


def _first_line(words: str) -> str:
    return " ".join(words.split("\n", 1)[0].split()).rstrip(".")[:200]


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being filled."""

    value: dict[str, Any] | list[Any]
    loc: Loc
    key: str | None = None


class _Builder:
    """Builds data from events without recursion, so that depth is a finding and never a crash."""

    def __init__(self, resolve: Callable[..., object]) -> None:
        self._resolve = resolve
        self._open: list[_Open] = []
        self._document = Document(None)
        self._root: list[Any] = []
        self._count = 0

    def build(self, events: Iterable[Event]) -> Document:
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise UnreadableError("more than one yaml document in the file", _mark(event))
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                self._open.pop()
            elif isinstance(event, (AliasEvent, ScalarEvent, MappingStartEvent, SequenceStartEvent)):
                self._refuse(event)
                self._take(event)
        if not self._root:
            raise UnreadableError("the file is empty")
        return Document(self._root[0], self._document.keys, self._document.values)

    def _refuse(self, event: NodeEvent) -> None:
        self._count += 1
        if isinstance(event, AliasEvent) or event.anchor is not None:
            sign = "*" if isinstance(event, AliasEvent) else "&"
            raise UnreadableError(
                f"anchors and aliases are not allowed: {quote(sign + event.anchor)}", _mark(event)
            )
        if (tag := getattr(event, "tag", None)) is not None:
            raise UnreadableError(f"tags are not allowed: {quote(tag)}", _mark(event))
        if isinstance(event, ScalarEvent) and _is_half(event.value):
            raise UnreadableError(f"half of a surrogate pair is no text: {quote(event.value)}", _mark(event))
        if len(self._open) >= MAX_DEPTH and not isinstance(event, ScalarEvent):
            raise UnreadableError(f"nested more than {MAX_DEPTH} levels deep", _mark(event))
        if self._count > MAX_VALUES:
            raise UnreadableError(f"more than {MAX_VALUES} values", _mark(event))

    def _take(self, event: NodeEvent) -> None:
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._take_key(parent, event)
            return
        loc = self._loc(parent)
        self._document.values[loc] = _mark(event)
        value: Plain = self._scalar(event) if isinstance(event, ScalarEvent) else _empty(event)
        if parent is None:
            self._root.append(value)
        elif isinstance(parent.value, dict):
            parent.value[parent.key or ""] = value
            parent.key = None
        else:
            parent.value.append(value)
        if isinstance(value, (dict, list)):
            self._open.append(_Open(value, loc))

    def _take_key(self, parent: _Open, event: NodeEvent) -> None:
        if not isinstance(event, ScalarEvent):
            raise UnreadableError("a key must be plain text", _mark(event))
        key: str = event.value
        if key in parent.value:
            line = self._document.keys[(*parent.loc, key)][0]
            raise UnreadableError(f"duplicate key {quote(key)}, first on line {line}", _mark(event))
        self._document.keys[(*parent.loc, key)] = _mark(event)
        parent.key = key

    def _loc(self, parent: _Open | None) -> Loc:
        if parent is None:
            return ()
        return (*parent.loc, (parent.key or "") if isinstance(parent.value, dict) else len(parent.value))

    def _scalar(self, event: ScalarEvent) -> Plain:
        tag = str(self._resolve(ScalarNode, event.value, event.implicit)).rsplit(":", 1)[-1]
        text: str = event.value
        try:
            match tag:
                case "int":
                    return int(text.replace("_", ""), 0 if text.lstrip("+-")[:2] in ("0x", "0o") else 10)
                case "float":
                    return _float(text)
                case "bool":
                    return text.lower() in ("true", "yes", "on")
                case "null":
                    return None
                case _:
                    return text
        except ValueError:
            raise UnreadableError(f"not a number we read: {quote(text)}", _mark(event)) from None


def _is_half(text: str) -> bool:
    """Whether an escape made a lone surrogate, which no encoder and no database takes."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _float(text: str) -> float:
    special = text.lower().lstrip("+-")
    if special in (".inf", ".nan"):
        return float(text.lower().replace(".", ""))
    return float(text.replace("_", ""))


def _empty(event: NodeEvent) -> dict[str, Any] | list[Any]:
    return {} if isinstance(event, MappingStartEvent) else []


def _mark(event: Event) -> Place:
    return (event.start_mark.line + 1, event.start_mark.column + 1)
