"""Reading, filtering and varying labelled texts."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from routers.training.specialist.examples import (
    Example,
    detokenise,
    normalise,
    read_hold_out,
    read_lexicon,
    read_task,
    split_task,
    vary,
)

if TYPE_CHECKING:
    from pathlib import Path


def sha1(text: str) -> str:
    return hashlib.sha1(normalise(text).encode(), usedforsecurity=False).hexdigest()


def rows(source: str, *texts: tuple[str, str]) -> list[Example]:
    return [Example(text, label, source) for text, label in texts]


def everything(parts: dict[str, list[Example]], digests: frozenset[str] = frozenset()) -> set[str]:
    split = split_task(parts, digests)
    return {example.text for example in (*split.train, *split.calibration, *split.held_out)}


def test_reads_every_file_of_a_task(tmp_path: Path) -> None:
    """Each file becomes a part under its name; rows without text are left out."""
    for name in ("train", "dev", "more"):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write(
                json.dumps({"text": f"{name} text", "label": "a"}) + "\n" + '{"text": " ", "label": "a"}\n'
            )
    assert read_task(tmp_path)["more"] == [Example("more text", "a", "more")]


def test_misses_a_file_by_name(tmp_path: Path) -> None:
    """A folder without training texts is named in the error."""
    with pytest.raises(FileNotFoundError, match=r"no train\.jsonl\.gz"):
        read_task(tmp_path)


def test_drops_duplicates_contradictions_and_held_out_texts(tmp_path: Path) -> None:
    """A text counts once, never beside its copy in dev, never with two labels, never from the hold-out list."""
    (tmp_path / "hashes.gz").write_bytes(gzip.compress(f"{sha1('Secret text')}\n{sha1('A stem')}\n".encode()))
    parts = {
        "dev": rows("dev", ("In dev", "a")),
        "more": rows("more", ("once!", "a"), ("Torn", "a"), ("Secret, text", "b"), ("...", "a")),
        "train": rows(
            "train", ("Once", "a"), ("in dev.", "a"), ("torn", "b"), ("A stem\nA) one", "a"), ("Kept", "b")
        ),
    }
    assert everything(parts, read_hold_out(tmp_path / "hashes.gz")) == {"Once", "Kept"}


def test_a_text_keeps_its_part_when_others_come_or_go() -> None:
    """The split hangs on each text alone, so more data never moves a test text into training."""
    texts = rows("train", *((f"text number {i}", "a") for i in range(400)))
    whole = split_task({"train": texts, "dev": []}, frozenset())
    half = split_task({"train": texts[::2], "dev": []}, frozenset())
    assert {e.text for e in half.train} <= {e.text for e in whole.train}
    assert {e.text for e in half.held_out} <= {e.text for e in whole.held_out}
    assert 5 < len(whole.held_out) < 40
    assert 5 < len(whole.calibration) < 40


@pytest.mark.parametrize(
    ("corpus", "typed"),
    [
        ("it does n't work , and that 's that .", "it doesn't work, and that's that."),
        ("-lrb- a -rrb- real pleasure !", "(a) real pleasure!"),
        ("they called it `` great '' .", 'they called it "great".'),
        ("i 've seen 1\\/2 of it", "i've seen 1/2 of it"),
        ("Already typed, isn't it?", "Already typed, isn't it?"),
    ],
)
def test_gives_corpus_text_the_spacing_of_typed_text(corpus: str, typed: str) -> None:
    """Treebank spacing and brackets are undone; typed text stays as it is."""
    assert detokenise(corpus) == typed


def test_varies_texts_alike_for_one_seed() -> None:
    """An epoch depends on its seed alone; joined texts share label and source, and lexicon words stay alone."""
    examples = rows("train", *((f"text {i} .", "ab"[i % 2]) for i in range(200))) + rows(
        "lexicon", ("good", "a")
    )
    first, again, other = (
        list(vary(examples, joined_share=0.5, respaced_share=0.5, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert [label for _, label in first] == [example.label for example in examples]
    assert 50 < sum(text.count("text") == 2 for text, _ in first) < 150
    assert {text.endswith(".") and " ." not in text for text, _ in first} == {True, False}
    assert first[-1] == ("good", "a")


def test_reads_the_strong_words_of_a_lexicon(tmp_path: Path) -> None:
    """Words with a clear valence become examples; weak ones and emoticons do not."""
    (tmp_path / "lexicon.txt").write_text(
        "great\t3.1\t0.7\t[]\nmeh\t-0.3\t0.9\t[]\nawful\t-2.0\t0.6\t[]\n:)\t2.0\t1\t[]\n"
    )
    assert read_lexicon(tmp_path / "lexicon.txt") == rows(
        "lexicon", ("great", "positive"), ("awful", "negative")
    )
