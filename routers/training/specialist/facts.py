"""The written facts of every task that has a shipped specialist, read from `facts.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from routers.training.specialist.tasks import TaskFacts, plain_words

FACTS_FILE = Path(__file__).with_name("facts.toml")


def read_facts() -> dict[str, TaskFacts]:
    """Return task -> its written facts; raises pydantic's ValidationError when the file is wrong."""
    found = tomllib.loads(FACTS_FILE.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, TaskFacts]).validate_python(found)


def facts_of(task: str, labels: tuple[str, ...]) -> TaskFacts:
    """Return the written facts of a task, or plain ones; a label without words is named by itself alone."""
    facts = read_facts().get(task) or TaskFacts(
        description=f"Which of {len(labels)} labels of `{task}` a text has.",
        data_note="See the data folder that the reproduce command names.",
        subjects=(task.replace("_", " "),),
    )
    plain = plain_words(labels)
    return replace(facts, words={label: facts.words.get(label) or plain[label] for label in labels})
