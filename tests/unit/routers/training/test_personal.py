"""What counts as personal in the data that teaches the flag, and which sentences teach it."""

from __future__ import annotations

import gzip
import json

import pytest

from routers.training.examples import Holdout, part_of
from routers.training.instructions import read_payloads
from routers.training.personal import is_personal, pii_examples

NAMES = (
    "Ann Lee",
    "Bob",
    "Cleo de Vries",
    "Dag",
    "Eve",
    "Finn",
    "Gus",
    "Hal",
    "Ida",
    "Jon",
    "Kai",
    "Lea",
    "Max",
)


def person(who: str) -> dict[str, object]:
    """A sentence that names somebody and a place."""
    spans = [(5, who, "PERSON"), (11 + len(who), "Oslo", "LOCATION")]
    return {
        "text": f"I am {who} from Oslo",
        "spans": [{"start": at, "end": at + len(text), "label": label} for at, text, label in spans],
    }


@pytest.fixture
def data(tmp_path):
    """The personal data files: people, a place alone, and nothing; firms and addresses to fill slots with."""
    folder = tmp_path / "tasks" / "pii"
    folder.mkdir(parents=True)
    place = {"text": "Oslo is cold", "spans": [{"start": 0, "end": 4, "label": "LOCATION"}]}
    others = {
        "text": "Acme, 1 High Street",
        "spans": [
            {"start": 0, "end": 4, "label": "ORGANIZATION"},
            {"start": 6, "end": 19, "label": "ADDRESS"},
        ],
    }
    rows = [*map(person, NAMES), place, others, {"text": "It is cold today", "spans": []}]
    for name, part in (("train", rows), ("dev", [person("Zoe")])):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in part)
    return tmp_path


def test_places_alone_are_neither_personal_nor_not() -> None:
    """A person beside a place is personal, a text without marks is not, a place alone is left open."""
    assert is_personal({"PERSON", "LOCATION"}) is True
    assert is_personal(set()) is False
    assert is_personal({"LOCATION", "DATE_TIME"}) is None


def test_what_dev_instructions_are_about_is_not_trained_on(data) -> None:
    """A sentence that falls into dev by its hash is no example, neither as it stands nor exchanged."""
    examples = list(pii_examples(data, Holdout(frozenset()), copies=2, written=0))
    of_files = [e for e in examples if e.part != "dev"]
    left_out = [f"I am {who} from Oslo" for who in NAMES if part_of(f"I am {who} from Oslo") == "dev"]
    assert left_out, "choose names of which one falls into dev"
    assert len({e.text.user for e in of_files}) < 3 * (len(NAMES) + 2)
    trained = [f"I am {who} from Oslo" for who in NAMES if part_of(f"I am {who} from Oslo") == "train"]
    assert sum(e.part == "train" and e.text.user.startswith("I am") for e in examples) == 3 * len(trained)
    assert [e.text.user for e in examples if e.part == "dev"] == ["I am Zoe from Oslo"]
    assert not any(e.text.user == "Oslo is cold" for e in examples)


def test_own_phrasings_are_personal_where_they_name_somebody(data) -> None:
    """Filled for training alone; sentences like them about nobody are counter-examples."""
    examples = [
        e for e in pii_examples(data, Holdout(frozenset()), copies=0, written=1) if "written" in e.source
    ]
    assert {e.part for e in examples} == {"train"}
    flags = {e.text.user.lower(): e.pii for e in examples}
    assert flags["the account is overdrawn."] is False
    assert all(flag for text, flag in flags.items() if text.startswith("the account belongs to "))
    assert not any("{" in text for text in flags)


def test_a_payload_is_as_personal_as_its_marks_say(data) -> None:
    """An instruction about a text of the personal data files takes its label from that text."""
    for name in ("sentiment/mr", "sentiment/train", "sentiment/cr", "toxicity/train", "spam_sms/train",
                 "spam_email/train", "intent_clinc150/train", "intent_banking77/train", "headlines/train",
                 "question_type/train", "ner_open/train", "ner_biomedical/train"):  # fmt: skip
        file = data / "tasks" / f"{name}.jsonl.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt"):
            pass
    (data / "routing").mkdir()
    with gzip.open(data / "routing" / "domains.jsonl.gz", "wt"):
        pass
    payloads = {p.text: p.pii for p in read_payloads(data, Holdout(frozenset()))["pii"]}
    assert payloads["Oslo is cold"] is None
    assert payloads["It is cold today"] is False
    assert payloads["I am Bob from Oslo"] is True
