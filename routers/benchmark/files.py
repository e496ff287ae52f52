"""Reads files of outcomes: what two models made of the same prompts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os.path
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routers.benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Row = dict[str, Any]

FLAGS: Final = ("contaminated", "in_slice")
"""Rows marked so leaked into some training set; `in_slice` marks rows that trained the shipped domain head."""
SUBJECTS: Final = ("subject", "category", "domain")
_IDS: Final = ("id", "question_id")
_NOT_OUTCOMES: Final = frozenset(
    {*FLAGS, *SUBJECTS, *_IDS, "", "prompt", "turns", "source", "metric", "outcomes", "cost_usd"}
)
_WORDS: Final = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Prompts with the outcomes of a weak and a strong model; every sequence has one entry a row."""

    name: str
    weak_name: str
    strong_name: str
    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    subjects: tuple[str | None, ...]
    weak: NDArray[np.float64]
    strong: NDArray[np.float64]
    positions: NDArray[np.intp]
    """Where each row stands in the files, counted over all their rows."""
    read: int
    """Rows in the files, those left out included."""
    left_out: Mapping[str, int]
    """How many rows were left out for each reason."""

    @property
    def gain(self) -> NDArray[np.float64]:
        """Strong less weak outcome, shape (rows,)."""
        return self.strong - self.weak

    def take(self, rows: NDArray[np.intp]) -> Benchmark:
        """The benchmark cut down to `rows`."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            prompts=tuple(self.prompts[i] for i in rows),
            subjects=tuple(self.subjects[i] for i in rows),
            weak=self.weak[rows],
            strong=self.strong[rows],
            positions=self.positions[rows],
        )


def read_benchmark(
    files: Sequence[Path], *, weak: str | None = None, strong: str | None = None, keep_flagged: bool = False
) -> Benchmark:
    """Read JSON Lines or CSV (either may end in .gz), as one benchmark. Raises `BenchmarkError`.

    Outcomes are columns of their own or entries of `outcomes`: numbers, booleans, or lists of which the mean
    counts. With only two of them the names may be left out: the one with the lower mean is weak.
    Several files without a subject column are one subject each.
    """
    rows = [row for file in files for row in _read_file(file, named=len(files) > 1)]
    if not rows:
        raise BenchmarkError("the files hold no rows")
    weak_name, strong_name = _names(rows, weak, strong)
    left_out: dict[str, int] = {}
    kept: list[tuple[int, float, float]] = []
    for position, row in enumerate(rows):
        reason = None if keep_flagged else next((flag for flag in FLAGS if _number(row.get(flag))), None)
        low, high = (_number(_outcomes(row).get(name)) for name in (weak_name, strong_name))
        if reason is None and low is not None and high is not None:
            kept.append((position, low, high))
        else:
            reason = reason or "no outcome"
            left_out[reason] = left_out.get(reason, 0) + 1
    if not kept:
        raise BenchmarkError(f"no row has outcomes of both `{weak_name}` and `{strong_name}`")
    positions, low_values, high_values = zip(*kept, strict=True)
    return Benchmark(
        name=_name(files),
        weak_name=weak_name,
        strong_name=strong_name,
        ids=tuple(_id(rows[i], i) for i in positions),
        prompts=tuple(_prompt(rows[i], i) for i in positions),
        subjects=tuple(_subject(rows[i]) for i in positions),
        weak=np.array(low_values),
        strong=np.array(high_values),
        positions=np.array(positions),
        read=len(rows),
        left_out=left_out,
    )


def read_rows(file: Path) -> list[Row]:
    """The rows of a JSON Lines or CSV file, `.gz` or not. Raises `BenchmarkError` that names the line."""
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BenchmarkError(f"cannot read {file}: {error}") from error
    if ".csv" in file.suffixes:
        return _csv_rows(file, text)
    return list(_json_rows(file, text))


def stem(file: Path) -> str:
    """The file's name without its endings."""
    return file.name.split(".")[0]


def _name(files: Sequence[Path]) -> str:
    """The file's name, or what the names of several begin with."""
    stems = [stem(file) for file in files]
    if len(stems) == 1:
        return stems[0]
    shared = os.path.commonprefix(stems)  # noqa: RUF071 - shared characters are meant, these are no paths
    return f"{shared.rstrip('_-') or stems[0]}, {len(stems)} files"


def _csv_rows(file: Path, text: str) -> list[Row]:
    try:
        return list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise BenchmarkError(f"{file} is not CSV: {error}") from error


def _json_rows(file: Path, text: str) -> Iterable[Row]:
    # Not splitlines: it also splits at U+2028, which JSON allows inside strings.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BenchmarkError(f"{file} line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise BenchmarkError(f"{file} line {number} is not a JSON object")
        yield row


def _read_file(file: Path, *, named: bool) -> Iterable[Row]:
    for row in read_rows(file):
        if named and _subject(row) is None:
            row["subject"] = stem(file)
        yield row


def _names(rows: list[Row], weak: str | None, strong: str | None) -> tuple[str, str]:
    known: dict[str, list[float]] = {}
    for row in rows:
        for name, value in _outcomes(row).items():
            if (number := _number(value)) is not None:
                known.setdefault(name, []).append(number)
    listed = ", ".join(f"`{name}`" for name in sorted(known)) or "none"
    for asked in (weak, strong):
        if asked is not None and asked not in known:
            raise BenchmarkError(f"no outcomes of `{asked}`; the files have: {listed}")
    if weak is not None and strong is not None:
        if weak == strong:
            raise BenchmarkError(f"--weak and --strong both name `{weak}`")
        return weak, strong
    if len(known) != 2:
        raise BenchmarkError(f"name the two models with --weak and --strong; the files have: {listed}")
    low, high = sorted(known, key=lambda name: float(np.mean(known[name])))
    if weak == high or strong == low:
        low, high = high, low
    return low, high


def _outcomes(row: Row) -> Mapping[str, Any]:
    pooled = row.get("outcomes")
    if isinstance(pooled, dict):
        return pooled
    return {name: value for name, value in row.items() if name not in _NOT_OUTCOMES}


def _number(value: object) -> float | None:
    """A finite number, boolean, list of them (its mean), or the text of one of these; None for all else."""
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in _WORDS:
            return _WORDS[lowered]
        try:
            value = json.loads(lowered)
        except json.JSONDecodeError:
            return None
    if isinstance(value, list):
        numbers = [_number(item) for item in value]
        known = [number for number in numbers if number is not None]
        return sum(known) / len(known) if known and len(known) == len(numbers) else None
    if isinstance(value, int | float) and np.isfinite(value):
        return float(value)
    return None


def _prompt(row: Row, position: int) -> str:
    """What the router sees: of several turns the first, as in RouteLLM's own evaluation."""
    turns = row.get("turns")
    prompt = row.get("prompt", turns[0] if isinstance(turns, list) and turns else None)
    if not isinstance(prompt, str):
        raise BenchmarkError(f"row {position + 1} has neither `prompt` nor `turns`")
    return prompt


def _subject(row: Row) -> str | None:
    return next((str(row[name]) for name in SUBJECTS if row.get(name) not in (None, "")), None)


def _id(row: Row, position: int) -> str:
    return next((str(row[name]) for name in _IDS if row.get(name) is not None), str(position))
