"""Labelled texts for a specialist: read, filter, split, and bring close to what people write."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Item = TypeVar("Item")

HELD_OUT_SHARE = 0.1
"""Share of the training pool that is never trained on: half of it calibrates, half of it tests."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text and the file it came from."""

    text: str
    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Split:
    """Disjoint parts of one task's data; no two parts share a normalised text."""

    train: list[Example]
    calibration: list[Example]
    """From the training pool, never trained on: sets the temperature."""
    held_out: list[Example]
    """From the training pool, never trained on nor used to set anything."""
    dev: list[Example]
    """The task's own development file: reported, never trained on."""


def normalise(text: str) -> str:
    """Return the identity of a text for duplicate and leakage checks: its letters a-z and digits."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def read_task(task_dir: Path) -> dict[str, list[Example]]:
    """Read every `*.jsonl.gz` with `text` and `label` in a task folder; file stem -> examples.

    Raises FileNotFoundError when the folder lacks `train` or `dev`.
    """
    parts: dict[str, list[Example]] = {}
    for path in sorted(task_dir.glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        parts[name] = [Example(row["text"], row["label"], name) for row in rows if row["text"].strip()]
    for name in ("train", "dev"):
        if name not in parts:
            raise FileNotFoundError(f"no {name}.jsonl.gz in {task_dir}")
    return parts


def read_lexicon(path: Path, *, least: float = 1.0) -> list[Example]:
    """Read a polarity lexicon (word, tab, mean valence, as VADER's) as training examples.

    Words whose absolute valence is below `least`, and emoticons, are left out.
    """
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        word, valence = line.split("\t")[:2]
        if abs(float(valence)) >= least and re.fullmatch(r"[a-z][a-z' -]+", word):
            examples.append(Example(word, "positive" if float(valence) > 0 else "negative", "lexicon"))
    return examples


def read_hold_out(path: Path) -> frozenset[str]:
    """Read the gzipped list of SHA-1 digests, one a line, that no training text may have."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        return frozenset(line.strip() for line in lines)


def is_held_out(text: str, digests: frozenset[str]) -> bool:
    """Say whether the whole text, or its stem before the answer options, is on the hold-out list."""
    stem = re.split(r"\nA[.)]", text, maxsplit=1)[0]
    return any(
        hashlib.sha1(normalise(part).encode(), usedforsecurity=False).hexdigest() in digests
        for part in (text, stem)
    )


def split_task(parts: dict[str, list[Example]], digests: frozenset[str]) -> Split:
    """Drop duplicates, contradictions and held-out texts, then split by a hash of the text.

    The `dev` file stays whole. Texts that occur with two labels are dropped altogether. A text stays in
    the same part whatever else is in the data, because its part depends on its own hash alone.
    """
    dev = parts["dev"]
    seen = {normalise(example.text) for example in dev}
    pool = [example for name, examples in parts.items() if name != "dev" for example in examples]
    labels: dict[str, set[str]] = {}
    for example in pool:
        labels.setdefault(normalise(example.text), set()).add(example.label)
    split = Split([], [], [], dev)
    # `train` first, so that of two copies the one from the task's own training file is kept
    for example in sorted(pool, key=lambda e: e.source != "train"):
        key = normalise(example.text)
        if not key or key in seen or len(labels[key]) > 1 or is_held_out(example.text, digests):
            continue
        seen.add(key)
        part_of(split, key).append(example)
    return split


class Parts(Protocol[Item]):
    """What a split is made of, whatever its examples are."""

    @property
    def train(self) -> list[Item]: ...

    @property
    def calibration(self) -> list[Item]: ...

    @property
    def held_out(self) -> list[Item]: ...


def part_of(split: Parts[Item], key: str) -> list[Item]:
    """Return the part of the split that a text with this normalised form belongs to."""
    bucket = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
    if bucket >= HELD_OUT_SHARE:
        return split.train
    return split.calibration if bucket < HELD_OUT_SHARE / 2 else split.held_out


_CLITIC = re.compile(r" (n't|n 't|'s|'re|'ve|'ll|'d|'m)(?=\W|$)", re.IGNORECASE)
_BEFORE = re.compile(r" ([.,;:!?%)\]}]|\.\.\.)")
_AFTER = re.compile(r"([(\[{$#]) ")
_QUOTED = re.compile(r"(?<!\S)(?:``|\"|'') (.*?) (?:''|\")(?!\S)")


def detokenise(text: str) -> str:
    """Undo Penn Treebank spacing (`do n't`, ` .`, `-lrb-`), so that a corpus reads like typed text."""
    text = text.replace("-lrb-", "(").replace("-rrb-", ")").replace("\\/", "/").replace("\\*", "*")
    text = _QUOTED.sub(r'"\1"', text)
    text = _CLITIC.sub(lambda m: m.group(1).replace(" ", ""), text)
    text = _BEFORE.sub(r"\1", text)
    text = _AFTER.sub(r"\1", text)
    return re.sub(r"\s+", " ", text.replace("``", '"').replace("''", '"')).strip()


def limit_labels(examples: Sequence[Example], most: int, *, seed: int) -> list[Example]:
    """Return at most `most` examples of each label, chosen by the seed, in their order; 0 returns all."""
    if not most:
        return list(examples)
    shuffled = list(range(len(examples)))
    random.Random(seed).shuffle(shuffled)
    counts: dict[str, int] = {}
    kept = []
    for row in shuffled:
        label = examples[row].label
        counts[label] = counts.get(label, 0) + 1
        if counts[label] <= most:
            kept.append(row)
    return [examples[row] for row in sorted(kept)]


def vary(
    examples: Sequence[Example], *, joined_share: float, respaced_share: float, seed: int
) -> Iterable[tuple[str, str]]:
    """Yield (text, label) for one epoch; `respaced_share` of the texts get typed spacing.

    `joined_share` of the texts get a second text of the same label and source appended, because reviews
    have several sentences and the corpora mostly one.
    """
    draw = random.Random(seed)
    groups: dict[tuple[str, str], list[str]] = {}
    for example in examples:
        groups.setdefault((example.label, example.source), []).append(example.text)
    for example in examples:
        text = example.text
        if draw.random() < joined_share and " " in text:
            text = f"{text} {draw.choice(groups[example.label, example.source])}"
        yield (detokenise(text) if draw.random() < respaced_share else text), example.label
