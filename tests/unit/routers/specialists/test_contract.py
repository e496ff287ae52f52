"""From chat requests to a sentiment task: the suite of phrasings, and what options make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routers.specialists.base import Declined, Task
from routers.specialists.contract import read_task
from routers.specialists.registry import SpecialistCard, shipped
from tests.unit.routers.specialists.phrasings import ANSWERED, DECLINED, DRAGS, REACH, Case

PLAIN = f"Is this review positive or negative? '{DRAGS}' Answer with one word."


@pytest.fixture(scope="module")
def card() -> SpecialistCard:
    return shipped()["sentiment"]


def extracted(case: Case, card: SpecialistCard) -> tuple[str, tuple[str, str]] | None:
    found = read_task(case.body(), card)
    return (
        (found.payload, (found.words["negative"], found.words["positive"]))
        if isinstance(found, Task)
        else None
    )


@pytest.mark.parametrize(
    "case", [case for case in ANSWERED if case.payload], ids=lambda case: case.prompt[:60]
)
def test_reads_payload_and_wording(case: Case, card: SpecialistCard) -> None:
    """Each phrasing yields exactly the text to classify and the labels as its author writes them."""
    assert extracted(case, card) == (case.payload, case.words)


@pytest.mark.parametrize(
    "case", [*DECLINED, *(case for case in ANSWERED if not case.payload)], ids=lambda case: case.prompt[:60]
)
def test_declines_what_is_not_this_task(case: Case, card: SpecialistCard) -> None:
    """Other tasks, other labels, several texts and further wishes are left to another model, with a reason."""
    found = read_task(case.body(), card)
    assert isinstance(found, Declined)
    assert found.reason


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (f"Is this review positive, negative or neutral? '{DRAGS}'", "`neutral`, which is not among"),
        (f"Is this review positive or negative? Explain. '{DRAGS}'", "`explain` is not a word"),
        (f"What is the sentiment of this review? '{DRAGS}'", "does not say how each label is written"),
        (f"Classify the sentiment as positive or negative:\n- {DRAGS}\n- {DRAGS}", "more than one text"),
    ],
)
def test_says_why_it_declines(prompt: str, reason: str, card: SpecialistCard) -> None:
    """The reason names what stood in the way, so that a policy's author can tell a gap from a rightful decline."""
    found = read_task(body(prompt), card)
    assert isinstance(found, Declined)
    assert reason in found.reason


@pytest.mark.parametrize("case", REACH, ids=lambda case: case.prompt[:60])
def test_never_misreads_what_it_may_decline(case: Case, card: SpecialistCard) -> None:
    """An unusual but honest request is declined or read exactly; nothing in between."""
    assert extracted(case, card) in (None, (case.payload, case.words) if case.payload else None)


def body(content: Any = PLAIN, **options: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": content}], **options}


def test_reads_text_parts(card: SpecialistCard) -> None:
    """Content given as text parts is read as if it were one string."""
    found = read_task(body([{"type": "text", "text": PLAIN}]), card)
    assert isinstance(found, Task)
    assert found.payload == DRAGS


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "tools"),
        ({"logprobs": True}, "log-probabilities"),
        ({"logit_bias": {"50": 1}}, "biases"),
        ({"modalities": ["text", "audio"]}, "besides text"),
        ({"response_format": {"type": "json_object"}}, "response format"),
        ({"messages": []}, "no messages"),
        ({"messages": [{"role": "assistant", "content": PLAIN}]}, "alternate"),
        ({"messages": [{"role": "user", "content": PLAIN}, {"role": "user", "content": PLAIN}]}, "alternate"),
        ({"messages": [{"role": "tool", "content": PLAIN}]}, "role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "besides text",
        ),
        ({"messages": [{"role": "user", "content": None}]}, "besides text"),
        ({"messages": [{"role": "user", "content": PLAIN.replace("stale", "stale " * 800)}]}, "longer"),
    ],
)
def test_declines_options_it_cannot_honour(
    options: dict[str, Any], reason: str, card: SpecialistCard
) -> None:
    """What a label alone cannot answer is declined with a reason that names it."""
    found = read_task(body(**options), card)
    assert isinstance(found, Declined)
    assert reason in found.reason


def schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "object", "properties": properties}},
    }


def test_answers_a_schema_that_lists_its_labels(card: SpecialistCard) -> None:
    """A schema with one enum property gets the JSON object, with the schema's own spelling."""
    wanted = schema(mood={"type": "string", "enum": ["POS", "NEG"]})
    found = read_task(
        body(f"Classify the sentiment of this review:\n\n{DRAGS}", response_format=wanted), card
    )
    assert isinstance(found, Task)
    assert {label: json.loads(word) for label, word in found.words.items()} == {
        "positive": {"mood": "POS"},
        "negative": {"mood": "NEG"},
    }


@pytest.mark.parametrize(
    "wanted",
    [
        schema(mood={"type": "string", "enum": ["positive", "negative", "neutral"]}),
        schema(mood={"type": "string", "enum": ["positive"]}),
        schema(mood={"type": "string"}),
        schema(mood={"type": "string", "enum": ["positive", "negative"]}, why={"type": "string"}),
        {"type": "json_schema"},
    ],
)
def test_declines_other_schemas(wanted: dict[str, Any], card: SpecialistCard) -> None:
    """A schema with other values or further properties needs another model."""
    assert isinstance(read_task(body(response_format=wanted), card), Declined)
