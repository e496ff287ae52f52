"""Training of the span finder: marks, exchanged values, and that what is served is what was trained."""

from __future__ import annotations

import gzip
import hashlib
import json

import numpy as np
import torch

from routers.encoder import QuantisedRows
from routers.spans import LABELS, SpanFinder, split
from routers.training.examples import Holdout
from routers.training.span_examples import Marked, joined, marked_texts, marks_of
from routers.training.span_network import WIDTH, Preparer, SpanNetwork, export, fit
from routers.training.span_report import f1, identified, request_score, span_figures
from routers.training.spans import prepared, temperature_of

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "my",
    "name",
    "is",
    "ann",
    "bob",
    "the",
    "sky",
    ".",
    "and",
    "green",
)


def toy_texts() -> list[Marked]:
    """Forty short texts, every second with a name."""
    rows = []
    for index in range(40):
        who = ("Ann", "Bob", "Green Ann")[index % 3]
        text, marks = (
            (f"my name is {who}.", ((11, 11 + len(who), "name"),)) if index % 2 else ("the sky is green.", ())
        )
        rows.append(Marked(text, marks, "pii", "train"))
    return rows


def trained(folder) -> tuple[SpanNetwork, Preparer]:
    """A tiny finder, exported."""
    table = QuantisedRows.of(np.random.default_rng(0).normal(size=(len(WORDS), WIDTH)).astype(np.float32))
    preparer = Preparer(WORDS, table)
    torch.manual_seed(0)
    network, rows = SpanNetwork(), prepared(preparer, toy_texts())
    fit(network, rows, epochs=30, seed=0)
    export(folder, WORDS, table, network, temperature_of(network, rows))
    return network, preparer


def test_the_served_arithmetic_is_the_trained_one_and_training_repeats(tmp_path) -> None:
    """The exported finder gives torch's logits in numpy, finds the names, and comes out the same twice."""
    network, preparer = trained(tmp_path / "one")
    trained(tmp_path / "two")
    for name in ("model.safetensors", "config.json", "vocabulary.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    finder = SpanFinder.load(tmp_path / "one")
    text = toy_texts()[1]
    with torch.no_grad():
        labels, begins = network([preparer(text), preparer(toy_texts()[0])])
    probabilities, served_begins = finder.probabilities(split(text.text))
    assert np.abs(begins.numpy()[: len(served_begins)] - served_begins).max() < 0.05
    assert (labels.numpy()[: len(probabilities)].argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert [(s.start, s.end, s.kind) for s in finder(text.text)] == list(text.marks)
    assert finder("the sky is green.") == ()
    report = span_figures(finder, toy_texts(), "pii")
    assert report["all"]["exact"][0] > 0.9
    assert report["name"]["marked"] == 20
    assert span_figures(finder, [], "written") == {}
    assert request_score(finder, text.text) > 0.5 > request_score(finder, "the sky is green.")
    assert request_score(finder, "") == 0.0
    assert identified("mail ann@example.org") == 0.97


def test_marks_follow_the_words_when_text_is_joined() -> None:
    """Places are those in the joined text; I- after another kind begins a span."""
    text, places = joined(["Ann", "'s", "dog", ",", "(", "Rex", ")", "."])
    assert text == "Ann's dog, (Rex)."
    assert [text[a:b] for a, b in places] == ["Ann", "'s", "dog", ",", "(", "Rex", ")", "."]
    marks = marks_of(["B-PER", "O", "O", "O", "O", "I-PER", "O", "O"], places)
    assert [(text[a:b], kind) for a, b, kind in marks] == [("Ann", "name"), ("Rex", "name")]


def test_values_are_exchanged_with_their_marks_and_the_holdout_is_kept_out(tmp_path) -> None:
    """Every mark still covers a value of its kind, and no held-out text is read."""
    rows = [
        {"text": f"I am {who} from Oslo", "spans": [
            {"start": 5, "end": 5 + len(who), "label": "PERSON"},
            {"start": 11 + len(who), "end": 15 + len(who), "label": "LOCATION"},
        ]}
        for who in ("Ann Lee", "Bob", "Cleo de Vries", "Dag", "Eve", "Finn", "Gus", "Hal", "Ida", "Jon", "Kai", "Lea")
    ]  # fmt: skip
    pii, domains = tmp_path / "tasks" / "pii", tmp_path / "routing"
    for folder in (pii, tmp_path / "tasks" / "ner_open", domains):
        folder.mkdir(parents=True)
    for folder in (pii, tmp_path / "tasks" / "ner_open"):
        for name in ("train", "dev"):
            with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
                if folder == pii and name == "train":
                    file.writelines(json.dumps(row) + "\n" for row in rows)
    with gzip.open(domains / "domains.jsonl.gz", "wt") as file:
        file.write(json.dumps({"source": "clinc150", "prompt": "what is my balance"}) + "\n")
    values = {
        "address": ["1 High Street"], "organisation": ["Acme"], "place": ["Oslo"], "phone": ["1"], "date": ["2"],
        "age": ["3"],
    }  # fmt: skip
    held_out = Holdout(frozenset({hashlib.sha1(b"iambobfromoslo", usedforsecurity=False).hexdigest()}))
    texts = marked_texts(tmp_path, held_out, values)
    assert not any(m.text == "I am Bob from Oslo" for m in texts)
    exchanged = [m for m in texts if m.source == "pii"]
    assert len(exchanged) > 40
    names = {row["text"][5 : row["spans"][0]["end"]].lower() for row in rows}
    for marked in exchanged:
        (start, end, kind), (place, place_end, _) = marked.marks
        assert kind == "name"
        assert marked.text[start:end].lower() in names
        assert marked.text[place:place_end].lower() == "oslo"
    for marked in texts:
        assert all(kind in LABELS and marked.text[a:b].strip() for a, b, kind in marked.marks)


def test_f1_counts_exact_and_touching_spans() -> None:
    """Half of the marked found exactly, all touched."""
    counts = np.array([[2, 2, 1, 2, 2], [0, 0, 0, 0, 0]])
    assert f1(counts, 2) == 0.5
    assert f1(counts, 3) == 1.0
