"""Worked examples in a prompt ("few-shot"): earlier turns, or blocks inside one message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routers.specialists.base import Declined
from routers.specialists.instruction import NOUNS
from routers.specialists.payload import ANSWER_FIELD, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from routers.specialists.instruction import Instructions

_BLOCK = re.compile(
    rf"^[ \t]*\**(?:(?P<text>{'|'.join(NOUNS)}|q)|(?P<answer>{ANSWER_FIELD}|a))(?: \d+)?\**[ \t]*:\**[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_ARROW = re.compile(r"^(?P<text>.+?)[ \t]*(?:=>|->|→|⇒)[ \t]*(?P<answer>[^\n]*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Inline:
    """Worked examples inside one message, and the last text, which has no answer yet."""

    words: Mapping[str, str]
    """Label -> the wording that the worked examples show."""
    header: str
    payload: str


def shots_of_messages(turns: list[tuple[str, str]], grammar: Instructions) -> dict[str, str] | Declined:
    """Return label -> wording of earlier turns; Declined when one is no worked example."""
    return _consistent((answer for _, answer in turns), grammar)


def shots_of_text(text: str, grammar: Instructions) -> Inline | Declined | None:
    """Read `Text: … Sentiment: … Text: … Sentiment:` or `… => …`; None when the text is neither."""
    return _blocks(text, grammar) or _arrows(text, grammar)


def _blocks(text: str, grammar: Instructions) -> Inline | Declined | None:
    marks = list(_BLOCK.finditer(text))
    texts = [mark for mark in marks if mark["text"]]
    if len(texts) < 2 or len(texts) == len(marks):
        return None
    kinds = "".join("t" if mark["text"] else "a" for mark in marks)
    if not re.fullmatch(r"(?:ta)+t?", kinds):
        return Declined("the worked examples in the request are irregular")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    bodies = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    if kinds.endswith("a") and bodies.pop():
        return Declined("the last worked example is answered already")
    words = _consistent(bodies[1::2], grammar)
    if isinstance(words, Declined):
        return words
    field_name = f"{next(mark['answer'] for mark in marks if mark['answer'])}:"
    return Inline(words, f"{text[: marks[0].start()].strip()}\n{field_name}", unwrap(bodies[-1]))


def _arrows(text: str, grammar: Instructions) -> Inline | Declined | None:
    lines = list(_ARROW.finditer(text))
    if len(lines) < 2 or lines[-1]["answer"] or text[lines[-1].end() :].strip():
        return None
    if any(line["answer"] == "" for line in lines[:-1]):
        return Declined("the request has more than one text to classify")
    words = _consistent((line["answer"] for line in lines[:-1]), grammar)
    if isinstance(words, Declined):
        return words
    between = text[lines[0].start() : lines[-1].end()]
    if len([line for line in between.splitlines() if line.strip()]) != len(lines):
        return Declined("the worked examples in the request are irregular")
    return Inline(words, text[: lines[0].start()].strip(), unwrap(lines[-1]["text"]))


def _consistent(answers: Iterable[str], grammar: Instructions) -> dict[str, str] | Declined:
    """Return label -> wording; Declined when an answer is no label or a label is written in two ways."""
    words: dict[str, str] = {}
    for answer in answers:
        written = answer.strip().strip("\"'`").rstrip(".")
        label = grammar.wording_of(written)
        if label is None:
            return Declined("an earlier answer in the request is none of this specialist's labels")
        if words.setdefault(label, written) != written:
            return Declined("the worked examples write one label in two ways")
    return words
