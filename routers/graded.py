"""Graded requests of a deployment: JSON Lines with a text and how acceptable the answers to it were."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from routers.signals import RequestText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Row = dict[str, Any]


class GradedFileError(Exception):
    """The file cannot be learnt from; the message names file and line, and says what to change."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One request and how acceptable each answer to it was, 0 to 1."""

    text: RequestText
    outcomes: Mapping[str, float]
    """Target or ability name -> grade."""
    task: str | None = None
    domain: str | None = None
    pii: bool | None = None
    injection: bool | None = None
    place: str = field(default="", compare=False)
    """`file:line`, for messages."""


@dataclass(frozen=True, slots=True)
class GradedFile:
    """The rows of a file, and the SHA-256 of its bytes."""

    rows: tuple[Graded, ...]
    sha256: str = field(repr=False)


def read_target(file: Path, name: str) -> GradedFile:
    """Rows with `prompt` or `messages` and `acceptable`, the grade of target `name`. Raises `GradedFileError`."""
    return _read(file, lambda row, place: {name: _grade(row, "acceptable", place)})


def read_outcomes(file: Path) -> GradedFile:
    """Rows with `prompt` or `messages` and `outcomes`, a grade by name. Raises `GradedFileError`."""
    return _read(file, _outcomes)


def read_labelled(file: Path) -> GradedFile:
    """Rows with `prompt` or `messages` and any of `task`, `domain`, `pii`, `injection`, `outcomes`.

    Raises `GradedFileError`.
    """
    return _read(file, lambda row, place: _outcomes(row, place) if "outcomes" in row else {})


def read_scores(file: Path) -> dict[str, float]:
    """Grades by request, of rows with `request_id` and `score`; the later of two counts. Raises `GradedFileError`."""
    found: dict[str, float] = {}
    for place, row in _objects(file, _bytes(file)):
        if not isinstance(row.get("request_id"), str):
            raise GradedFileError(
                f"{place}: needs `request_id`, as the response header `x-request-id` gave it"
            )
        found[row["request_id"]] = _grade(row, "score", place)
    return found


def read_confidences(file: Path) -> list[tuple[float, bool]]:
    """(Confidence, right) of rows with `confidence`, 0 to 1, and `acceptable`, true or false.

    Raises `GradedFileError`.
    """
    found = []
    for place, row in _objects(file, _bytes(file)):
        right = row.get("acceptable")
        if right not in (0, 1):
            raise GradedFileError(f"{place}: `acceptable` must be true or false")
        found.append((_grade(row, "confidence", place), bool(right)))
    if not found:
        raise GradedFileError(f"{file}: has no rows")
    return found


def identity(text: RequestText) -> str:
    """SHA-256 over the words of a request, without case, spaces and punctuation: equal requests share it."""
    plain = "".join(letter for letter in f"{text.system}\n{text.user}".lower() if letter.isalnum())
    return hashlib.sha256((plain or text.user).encode(errors="surrogatepass")).hexdigest()


def _read(file: Path, grades: Callable[[Row, str], dict[str, float]]) -> GradedFile:
    raw, rows = _bytes(file), []
    for place, row in _objects(file, raw):
        rows.append(
            Graded(
                text=_text(row, place),
                outcomes=grades(row, place),
                task=_label(row, "task", place),
                domain=_label(row, "domain", place),
                pii=_flag(row, "pii", place),
                injection=_flag(row, "injection", place),
                place=place,
            )
        )
    return GradedFile(tuple(rows), hashlib.sha256(raw).hexdigest())


def _bytes(file: Path) -> bytes:
    try:
        raw = file.read_bytes()
        return gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GradedFileError(f"{file}: is not whole gzip data: {error}") from error
    except OSError as error:
        raise GradedFileError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from error


def _objects(file: Path, raw: bytes) -> Iterator[tuple[str, Row]]:
    # Not splitlines: it also splits at characters that JSON allows inside strings.
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        place = f"{file}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise GradedFileError(f"{place}: is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise GradedFileError(f"{place}: is not a JSON object")
        yield place, row


def _outcomes(row: Row, place: str) -> dict[str, float]:
    outcomes = row.get("outcomes")
    if not isinstance(outcomes, dict) or not outcomes:
        raise GradedFileError(f"{place}: needs `outcomes`, an object of grades by target or ability name")
    return {str(name): _grade(outcomes, name, place) for name in outcomes}


def _grade(row: Row, key: str, place: str) -> float:
    grade = row.get(key)
    if isinstance(grade, int | float) and math.isfinite(grade) and 0 <= grade <= 1:
        return float(grade)
    found = "is missing" if key not in row else f"is {json.dumps(grade)[:40]}"
    raise GradedFileError(f"{place}: `{key}` {found}; it must be true, false or a score from 0 to 1")


def _label(row: Row, key: str, place: str) -> str | None:
    label = row.get(key)
    if label is not None and not isinstance(label, str):
        raise GradedFileError(f"{place}: `{key}` is {json.dumps(label)[:40]}; it must be a name")
    return label


def _flag(row: Row, key: str, place: str) -> bool | None:
    flag = row.get(key)
    if flag is not None and not isinstance(flag, bool):
        raise GradedFileError(f"{place}: `{key}` is {json.dumps(flag)[:40]}; it must be true or false")
    return flag


def _text(row: Row, place: str) -> RequestText:
    """The request as the gateway shows it to the classifier."""
    if isinstance(row.get("prompt"), str):
        return RequestText(user=row["prompt"])
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise GradedFileError(f"{place}: needs `prompt`, a text, or `messages`, a list of messages")
    system = [_content(m, place) for m in messages if m.get("role") in ("system", "developer")]
    user = [_content(m, place) for m in messages if m.get("role") == "user"]
    if not user:
        raise GradedFileError(f"{place}: `messages` has none whose `role` is `user`")
    return RequestText(user=user[-1], system="\n".join(system), turns=len(user))


def _content(message: Row, place: str) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    raise GradedFileError(f"{place}: the `content` of a message must be a text or a list of parts")
