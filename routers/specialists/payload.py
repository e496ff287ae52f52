"""Find the text to classify inside a prompt: every way in which callers set it apart, surest first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routers.specialists.instruction import GAP, NOUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routers.specialists.instruction import Instructions

_NOUN = "|".join(NOUNS)
ANSWER_FIELD = (
    "sentiment|label|answer|output|class|classification|category|polarity|prediction|emotion|intent|direction|irony|"
    "spam|(?:question |answer )?type"
)

_FENCES = re.compile(
    r"(?P<tick>```)(?:[a-z]*\n)?(?P<a>.*?)```"
    r'|"""(?P<b>.*?)"""|\'\'\'(?P<c>.*?)\'\'\'|<<<(?P<d>.*?)>>>|\[\[(?P<e>.*?)\]\]'
    r"|^(?P<rule>-{3,}|={3,}|\*{3,}|#{3,})[ \t]*\n(?P<f>.*?)\n(?P=rule)[ \t]*$"
    r"|<(?P<tag>[A-Za-z][\w-]*)>(?P<g>.*?)</(?P=tag)>",
    re.DOTALL | re.MULTILINE,
)
_QUOTES = re.compile(
    r'(?<![\w"])"(?=\S)(?P<a>[^"]+?)(?<=\S)"(?![\w"])'
    r"|“(?P<b>[^“”]+)”|«(?P<c>[^«»]+)»|(?<!\w)\u2018(?P<d>.+?)\u2019(?!\w)"
    r"|(?<![\w'])'(?=\S)(?P<e>.+?)(?<=\S)'(?![\w'])|(?<!`)`(?P<f>[^`]+)`(?!`)",
    re.DOTALL,
)
_FIELD = re.compile(
    rf"(?:^|(?<=[.?!:] )|(?<=\n))[ \t]*\**(?:the )?(?:{_NOUN})\**[ \t]*:\**[ \t]*", re.IGNORECASE
)
_TAIL_FIELD = re.compile(
    rf"\n\s*\**(?:the )?(?:{ANSWER_FIELD})\**[ \t]*(?:is)?[ \t]*[:=]?\**[ \t]*$", re.IGNORECASE
)
_CONNECTIVE = re.compile(
    r"(?:and|or|but|if|be|in|with|as|for|note|remember|make|keep|consider|think|one|only|just|also|no|yes|options?|"
    r"labels?|choices?|hint|example|context|here|the following|below)\b",
    re.IGNORECASE,
)
"""How a further remark on the task begins, which the grammar does not know and no review should be taken for."""

_ORDERS = re.compile(
    r"(?:^|[.!?:;]\s+|\n\s*)[\"'*\-(]*(?:(?:please|also|then|and|now|next|finally|kindly|instead|in addition),? )*"
    r"(?:explain|translate|summari[sz]e|describe|list|write|rewrite|paraphrase|justify|provide|ignore|disregard|forget|"
    r"extract|correct|rate|respond|reply|answer|return|output|generate|create|compose|compare|include|name|tell|show|"
    r"print|say|give|what|why|how|which|who|who's|can you|could you|would you|will you|help|"
    r"classify|detect|identify|determine|mention|count|highlight|hello|hi|hey|thanks|thank you|are you|is this|is it|"
    r"is the|do you|i need|i want you|i'd like you|i would like you|let's|you are|your task|pretend|act as|repeat|use|"
    r"if the|format|do not|don't (?:explain|add|include|answer|reply|output)|sentiment|label)\b",
    re.IGNORECASE,
)
_ITEMS = re.compile(
    rf"^[ \t]*(?:\(?\d+[.):]|[-*•\u2013]|\(?[a-hA-H][.)])[ \t]+\S|^[ \t]*\**(?:{_NOUN}) ?#?\d+\**[ \t]*[:.)]",
    re.MULTILINE | re.IGNORECASE,
)
_INLINE_ITEMS = re.compile(r"(?:^|\s)\(?1[.):] ?\S.{3,}\s\(?2[.):] ?\S", re.DOTALL)
_RULE = re.compile(r"^[ \t]*(?:-{3,}|={3,}|\*{3,}|#{3,}|_{3,})[ \t]*$", re.MULTILINE)

_OPENS = re.compile(r"[\"'“\u2018«`<\[]|<<<")
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to read a prompt: what to classify, and the instruction around it."""

    payload: str
    instruction: str
    bounded: bool
    """Whether the author marked where the text ends; if not, it may run into another instruction."""
    confidence: float


def cuts(text: str, grammar: Instructions) -> Iterator[Cut]:
    """Yield the readings of a prompt, the best marked ones first.

    A prompt with fences or tags has no other reading: what they do not enclose is instruction.
    """
    if any(not grammar.names_labels(_inside(mark)) for mark in _FENCES.finditer(text)):
        yield from _enclosed(text, _FENCES, grammar, 0.99)
        return
    yield from _fields(text, grammar)
    yield from _enclosed(text, _QUOTES, grammar, 0.98)
    for colon in re.finditer(r":\**(?=\s|$)", text[:600]):
        rest = text[colon.end() :]
        if rest.lstrip(" \t*").startswith("\n") or not _has_gap(rest):
            yield _open_ended(text[: colon.end()], rest, grammar, 0.95)
    gaps = list(re.finditer(r"\n\s*\n", text))
    for gap in reversed(gaps):
        if not _has_gap(text[gap.end() :]):
            yield _open_ended(text[: gap.start()], text[gap.end() :], grammar, 0.92)
    if len(gaps) == 1:
        yield Cut(unwrap(text[: gaps[0].start()]), text[gaps[0].end() :], False, 0.9)
    if not any(not grammar.names_labels(_inside(mark)) for mark in _QUOTES.finditer(text)):
        yield from _same_paragraph(text, grammar)


def _same_paragraph(text: str, grammar: Instructions) -> Iterator[Cut]:
    """Yield the readings in which the payload follows a question in the same paragraph, without any mark."""
    for end in re.finditer(r"(?<=\w[.?!])[ \t]+|\s*\n\s*", text[:400]):
        rest = text[end.end() :].strip()
        first = re.split(r"(?<=\w[.?!])\s|\n", rest)[0]
        if _has_gap(rest) or len(first.split()) < 4 or _CONNECTIVE.match(first):
            continue
        if "\n" not in end.group() and grammar.foreign_word(first):
            continue
        yield _open_ended(text[: end.start()], rest, grammar, 0.85)


def _has_gap(text: str) -> bool:
    return re.search(r"\n\s*\n", text.strip()) is not None


def _enclosed(text: str, marks: re.Pattern[str], grammar: Instructions, confidence: float) -> Iterator[Cut]:
    """Yield the reading in which the only marked span that names no label is the payload."""
    spans = [mark for mark in marks.finditer(text) if not grammar.names_labels(_inside(mark))]
    if len(spans) == 1:
        mark = spans[0]
        yield Cut(unwrap(_inside(mark)), f"{text[: mark.start()]}{GAP}{text[mark.end() :]}", True, confidence)


def _inside(mark: re.Match[str]) -> str:
    return next(value for name, value in mark.groupdict().items() if len(name) == 1 and value is not None)


def _fields(text: str, grammar: Instructions) -> Iterator[Cut]:
    """Yield the reading of `Review: … Sentiment:`; two such fields are no single payload."""
    fields = list(_FIELD.finditer(text))
    if len(fields) == 1:
        yield _open_ended(text[: fields[0].start()], text[fields[0].end() :], grammar, 0.97)


def _open_ended(before: str, after: str, grammar: Instructions, confidence: float) -> Cut:
    """Cut off what follows the payload: an empty answer field, then remarks on the form of the answer."""
    tail = ""
    found = _TAIL_FIELD.search(after)
    if found:
        after, tail = after[: found.start()], "\n" + found.group()
    while True:
        parts = re.split(r"(\n+|(?<=[.?!\"'”\u2019])\s+)", after.rstrip())
        last = parts[-1]
        if len(parts) < 3 or not grammar.is_remark(last):
            break
        after, tail = "".join(parts[:-2]), "\n" + last + tail
    return Cut(unwrap(after), f"{before.rstrip()} {GAP}\n{tail}", False, confidence)


def unwrap(text: str) -> str:
    """Strip blanks and one layer of quotes, fences or tags around the whole text."""
    text = text.strip()
    for marks in (_FENCES, _QUOTES):
        whole = marks.match(text)
        if whole and whole.end() == len(text):
            return _inside(whole).strip()
    return text


def bare(text: str) -> Cut:
    """Read a whole user message as payload: the instruction stands in the system prompt."""
    field = _FIELD.match(text)
    rest = text[field.end() :] if field else text
    tail = _TAIL_FIELD.search(rest)
    rest = rest[: tail.start()] if tail else rest
    payload = unwrap(rest)
    return Cut(payload, "", payload != rest.strip(), 0.95)


def objection(cut: Cut, grammar: Instructions) -> str | None:
    """Say why a payload should not be classified as one text; None when nothing speaks against it."""
    payload = cut.payload
    if not re.search(r"[^\W\d_]{2}", payload):
        return "the text to classify is empty"
    if payload[0] in "[{" and payload[-1] in "]}":
        return "the text to classify looks like data with several entries"
    several = len(_ITEMS.findall(payload)) > 1 or _INLINE_ITEMS.search(payload) or _RULE.search(payload)
    if several or len(_FIELD.findall(payload)) > (1 if cut.bounded else 0):
        return "the request has more than one text to classify"
    if not cut.bounded and (_OPENS.match(payload) or _HEADING.search(payload)):
        return "where the text to classify begins and ends can be read twice"
    paragraphs = re.split(r"\n\s*\n", payload)
    if not cut.bounded and len(paragraphs) > 1 and (grammar.knows(paragraphs[0]) or len(paragraphs[-1]) < 25):
        return "where the text to classify begins and ends can be read twice"
    # A question to classify is itself one: what comes after it is looked at.
    begin = re.search(r"[.!?]\s|\n|$", payload) if grammar.reads_requests else None
    if not cut.bounded and _ORDERS.search(payload[begin.end() :] if begin else payload):
        return "the text to classify runs into what may be another instruction"
    return None
