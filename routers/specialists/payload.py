"""Find the text to classify inside a prompt: every way in which callers set it apart, surest first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routers.specialists.instruction import GAP, NOUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NOUN = "|".join(NOUNS)
ANSWER_FIELD = "sentiment|label|answer|output|class|classification|category|polarity|prediction"

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
_ASKS_FOR_A_FORM = re.compile(
    r"^\W*(?:please |kindly |just |only )*(?:answer|respond|reply|return|output|print|use|give|one word|do not|"
    r"don't|no |nothing else|classify|label|categori[sz]e|is (?:this|it|the)|was (?:this|it|the)|what is the|"
    r"does (?:this|the))\b",
    re.IGNORECASE,
)
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


def cuts(text: str, *, is_label: Callable[[str], bool], is_known: Callable[[str], bool]) -> Iterator[Cut]:
    """Yield the readings of a prompt, the best marked ones first.

    `is_label` says whether a quoted string only names a label; `is_known` whether the instruction grammar
    knows every word of a string.
    """
    yield from _enclosed(text, _FENCES, is_label, 0.99)
    yield from _fields(text, is_known)
    yield from _enclosed(text, _QUOTES, is_label, 0.98)
    gaps = list(re.finditer(r"\n\s*\n", text))
    for colon in re.finditer(r":\**(?=\s|$)", text[:600]):
        if text[colon.end() :].lstrip(" \t*").startswith("\n") or not _has_gap(text[colon.end() :]):
            yield _open_ended(text[: colon.end()], text[colon.end() :], is_known, 0.95)
    for gap in reversed(gaps):
        if all(_ASKS_FOR_A_FORM.search(part) for part in re.split(r"\n\s*\n", text[: gap.start()])[1:]):
            yield _open_ended(text[: gap.start()], text[gap.end() :], is_known, 0.92)
    if len(gaps) == 1:
        yield Cut(unwrap(text[: gaps[0].start()]), text[gaps[0].end() :], False, 0.9)
    for end in re.finditer(r"(?<=[.?!])\s+", text[:400]):
        if not _has_gap(text[end.end() :]):
            yield _open_ended(text[: end.start()], text[end.end() :], is_known, 0.85)


def _has_gap(text: str) -> bool:
    return re.search(r"\n\s*\n", text.strip()) is not None


def _enclosed(
    text: str, marks: re.Pattern[str], is_label: Callable[[str], bool], confidence: float
) -> Iterator[Cut]:
    """Yield the reading in which the only marked span that names no label is the payload."""
    spans = [m for m in marks.finditer(text) if not is_label(_inside(m))]
    if len(spans) == 1:
        mark = spans[0]
        yield Cut(unwrap(_inside(mark)), f"{text[: mark.start()]}{GAP}{text[mark.end() :]}", True, confidence)


def _inside(mark: re.Match[str]) -> str:
    return next(value for name, value in mark.groupdict().items() if len(name) == 1 and value is not None)


def _fields(text: str, is_known: Callable[[str], bool]) -> Iterator[Cut]:
    """Yield the reading of `Review: … Sentiment:`; two such fields are no single payload."""
    fields = list(_FIELD.finditer(text))
    if len(fields) == 1:
        yield _open_ended(
            text[: fields[0].start()], text[fields[0].end() :], is_known, 0.97, field=fields[0].group()
        )


def _open_ended(
    before: str, after: str, is_known: Callable[[str], bool], confidence: float, *, field: str = ""
) -> Cut:
    """Cut off what follows the payload: an empty answer field, then remarks on the form of the answer."""
    tail = ""
    found = _TAIL_FIELD.search(after)
    if found:
        after, tail = after[: found.start()], "\n" + found.group()
    while True:
        parts = re.split(r"(\n+|(?<=[.?!\"'”\u2019])\s+)", after.rstrip())
        last = parts[-1]
        if len(parts) < 3 or not _ASKS_FOR_A_FORM.search(last) or not is_known(last):
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


def objection(cut: Cut, is_known: Callable[[str], bool]) -> str | None:
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
    if not cut.bounded and _has_gap(payload) and is_known(re.split(r"\n\s*\n", payload)[0]):
        return "where the text to classify begins can be read twice"
    if not cut.bounded and _ORDERS.search(payload):
        return "the text to classify runs into what may be another instruction"
    return None
