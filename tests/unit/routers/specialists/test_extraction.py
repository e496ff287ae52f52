"""From chat requests to entities and the form in which they are wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routers.specialists.base import Declined
from routers.specialists.bio import Span
from routers.specialists.extraction import Extraction, read_extraction
from routers.specialists.registry import SpecialistCard
from routers.specialists.tokens import Entity
from routers.training.specialist.facts import facts_of

TEXT = "Ada Lovelace met Charles Babbage in London, and Ada Lovelace wrote."
LABELS = ("LOC", "MISC", "ORG", "PER")


def card(task: str = "ner_open", labels: tuple[str, ...] = LABELS) -> SpecialistCard:
    """Return the card that training would write, without weights."""
    facts = facts_of(task, labels)
    return SpecialistCard(
        format=1, name=task.replace("_", "-"), kind="token-classification", description="", labels=labels,
        base="tiny", base_sha256="0" * 64, licence="Apache-2.0", temperature=1, words=facts.words,
        subjects=facts.subjects, foreign_words=facts.foreign_words, vocabulary=facts.vocabulary,
    )  # fmt: skip


def entities() -> list[Entity]:
    """The entities of TEXT."""
    marks = (
        ("Ada Lovelace", 0, "PER"),
        ("Charles Babbage", 17, "PER"),
        ("London", 36, "LOC"),
        ("Ada Lovelace", 48, "PER"),
    )
    return [Entity(Span(at, at + len(text), label), text, 0.9) for text, at, label in marks]


def schema(properties: dict[str, Any]) -> dict[str, Any]:
    """Return a response format with these properties."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": properties}},
    }


STRINGS = {"type": "array", "items": {"type": "string"}}
OBJECTS = {
    "entities": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "type": {"type": "string", "enum": ["person", "location"]},
            },
        },
    }
}


def ask(prompt: str, *, system: str = "", named: bool = False, **options: Any) -> Extraction | Declined:
    messages = [{"role": "system", "content": system}] if system else []
    body = {"messages": [*messages, {"role": "user", "content": prompt}], **options}
    return read_extraction(body, card(), named=named)


def answer(found: Extraction | Declined) -> str:
    """Write the answer to a request for the entities of TEXT."""
    assert isinstance(found, Extraction), found
    assert found.payload == TEXT
    return found.form.write([e for e in entities() if e.span.label in found.labels], TEXT)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            f"Extract all person names from the text below, one per line.\n\nText: {TEXT}",
            "Ada Lovelace\nCharles Babbage",
        ),
        (
            f"List the people mentioned in this text, comma-separated: '{TEXT}'",
            "Ada Lovelace, Charles Babbage",
        ),
        (f"Which people are mentioned in this text?\n\n{TEXT}", "Ada Lovelace\nCharles Babbage"),
        (f"Extract all locations from the text as a JSON array.\n<text>{TEXT}</text>", '["London"]'),
        (
            f'Find every place named in the following sentence. Return only a JSON list of strings. "{TEXT}"',
            '["London"]',
        ),
    ],
)
def test_writes_one_kind_as_a_list(prompt: str, expected: str) -> None:
    """One kind of entity comes as lines, a comma-separated list or a JSON array, each name once."""
    assert answer(ask(prompt)) == expected


def test_fills_a_schema_of_lists() -> None:
    """Properties that name labels are filled in the caller's order; what is not there is an empty list."""
    form = schema({"people": STRINGS, "organizations": STRINGS})
    found = ask(f"Extract the named entities from this text:\n\n{TEXT}", response_format=form)
    assert json.loads(answer(found)) == {"people": ["Ada Lovelace", "Charles Babbage"], "organizations": []}


def test_fills_a_schema_of_objects() -> None:
    """A list of objects has every mention with the kind as the caller's enum writes it."""
    found = ask(f"Extract all entities from the text.\n\nText: {TEXT}", response_format=schema(OBJECTS))
    rows = json.loads(answer(found))["entities"]
    assert [row["type"] for row in rows] == ["person", "person", "location", "person"]


def test_a_named_specialist_reads_a_bare_text() -> None:
    """Who asks for the specialist by name and sends a text gets every entity with its label."""
    assert len(json.loads(answer(ask(TEXT, named=True)))["entities"]) == 4
    assert isinstance(ask(TEXT), Declined)


def test_redacts_personal_data() -> None:
    """Redacting gives the text with a mark for each entity."""
    body = {"messages": [{"role": "user", "content": f"Redact all personal data in this text:\n\n{TEXT}"}]}
    found = read_extraction(body, card("pii", ("LOCATION", "PERSON")))
    assert isinstance(found, Extraction)
    marked = [Entity(Span(0, 12, "PERSON"), "Ada Lovelace", 0.9)]
    assert found.form.write(marked, TEXT).startswith("[PERSON] met Charles")


@pytest.mark.parametrize(
    "prompt",
    [
        f"Extract the people and their ages from this text: '{TEXT}'",
        f"Extract the people and places from this text: '{TEXT}'",
        f"Who met Charles Babbage? '{TEXT}'",
        f"List the people in this text in alphabetical order: '{TEXT}'",
        f"Extract the people from this text as JSON: '{TEXT}'",
        f"Extract the people from this text and explain who they are: '{TEXT}'",
        f"How many people are mentioned in this text? '{TEXT}'",
        f"Extract the first person mentioned: '{TEXT}'",
        f"Extract the dates from this text: '{TEXT}'",
        f"Translate this text: '{TEXT}'",
        "List three people from history.",
        f"Extrahiere alle Personen aus diesem Text: '{TEXT}'",
        f"Extract all people from these texts:\n1. {TEXT}\n2. {TEXT}",
    ],
)
def test_hands_on_what_it_cannot_fill(prompt: str) -> None:
    """Other kinds, other questions, orders and counts are left to another model, with a reason."""
    found = ask(prompt)
    assert isinstance(found, Declined), found
    assert found.reason


@pytest.mark.parametrize(
    "properties",
    [
        {"people": STRINGS, "dates": STRINGS},
        {"people": {"type": "string"}},
        {"people": STRINGS, "persons": STRINGS},
        {},
    ],
)
def test_declines_other_schemas(properties: dict[str, Any]) -> None:
    """A property that is no label, no list, or there twice is declined."""
    found = ask(f"Extract the named entities from this text:\n\n{TEXT}", response_format=schema(properties))
    assert isinstance(found, Declined)
