"""From a chat request to what a specialist for entities is to find, and how the answer is to be written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from routers.specialists.base import Declined
from routers.specialists.contract import read_chat, refuse_by_options, too_long
from routers.specialists.english import looks_english
from routers.specialists.instruction import Instructions, words_of
from routers.specialists.payload import Cut, bare, cuts, objection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from routers.specialists.contract import Chat
    from routers.specialists.registry import SpecialistCard
    from routers.specialists.tokens import Entity

Shape = Literal["lines", "commas", "array", "lists", "objects", "redacted"]

_VERBS = r"extract|list|find|identify|return|name|output|give|tell|pull out|recogni[sz]e|detect|get|collect"
_REDACT = re.compile(r"\b(?:redact|anonymi[sz]e|mask|censor|black out)\b", re.IGNORECASE)
_WORDS = frozenset(
    words_of(
        """
        extract list find identify recognise recognize detect get collect pull out all every any each named mentioned
        found appearing occurring appears occur contained there in from of the a an this that following below above text
        sentence and or as for with per on separate line lines one comma commas separated comma-separated newline json
        array newlines strings string list lists object schema matching only just give return output name names me
        please you are
        entity entities extraction recognition system extractor tool answer respond reply using use format nothing else
        exactly they redact anonymise anonymize mask censor black replace
        """
    )
)
_COMMAS = re.compile(r"\bcomma[- ]separated\b|\bseparated by commas?\b", re.IGNORECASE)
_LINES = re.compile(
    r"\b(?:one|each) (?:\w+ )?(?:per|on a separate|a) line\b|\bnewline|\bon separate lines\b", re.IGNORECASE
)
_ARRAY = re.compile(r"\bjson (?:array|list)(?: of strings)?\b", re.IGNORECASE)
_NAME_KEYS = frozenset({"text", "name", "entity", "value", "mention", "span"})
_KIND_KEYS = frozenset({"type", "label", "category", "kind", "entity_type", "class"})


@dataclass(frozen=True, slots=True)
class Form:
    """How the entities are to be written."""

    shape: Shape
    fields: tuple[tuple[str, str], ...] = ()
    """For `lists`: property and label of each. For `objects`: the kind as the caller writes it, and the label."""
    keys: tuple[str, str, str] = ("entities", "text", "type")
    """For `objects`: the property, and in each object the key of the text and of the kind."""

    def write(self, found: Sequence[Entity], text: str) -> str:
        """Return the answer for the entities found in `text`, which are of wanted labels only."""
        if self.shape == "redacted":
            return _redacted(found, text)
        if self.shape == "lists":
            return _json(
                {p: _unique(e.text for e in found if e.span.label == label) for p, label in self.fields}
            )
        if self.shape == "objects":
            kind = {label: written for written, label in self.fields}
            outer, name, type_key = self.keys
            return _json({outer: [{name: e.text, type_key: kind[e.span.label]} for e in found]})
        texts = _unique(entity.text for entity in found)
        if self.shape == "array":
            return _json(texts)
        return (", " if self.shape == "commas" else "\n").join(texts)


@dataclass(frozen=True, slots=True)
class Extraction:
    """Find entities of `labels` in `payload` and write them in this form."""

    payload: str
    labels: frozenset[str]
    form: Form
    confidence: float


class Extractions(Instructions):
    """The closed grammar of requests for a specialist's kinds of entity."""

    def __init__(self, card: SpecialistCard) -> None:
        super().__init__(card)
        self._vocabulary = self._vocabulary.union(_WORDS)

    def _request(self) -> re.Pattern[str]:
        asked = rf"(?:{self._subject.pattern}|{self._label.pattern})"
        return re.compile(
            rf"\b(?:{_VERBS})\b[^.?!\n]{{0,80}}?{asked}"
            rf"|\b(?:what|which|who) (?:\w+ ){{0,3}}?{asked}[^.?!\n]{{0,40}}?\b(?:mentioned|named|appear|occur|in)\b"
            rf"|{asked} (?:extraction|extractor|recognition)\b"
            rf"|\b(?:redact|anonymi[sz]e|mask|censor|black out)\b[^.?!\n]{{0,60}}?{asked}",
            re.IGNORECASE,
        )


def read_extraction(
    body: Mapping[str, Any], card: SpecialistCard, *, named: bool = False
) -> Extraction | Declined:
    """Extract the text, the kinds of entity and the form of the answer from an OpenAI chat request.

    As strict as `contract.read_task`: a word that the grammar does not know declines the request.
    """
    refusal = refuse_by_options(body)
    if refusal:
        return Declined(refusal)
    chat = read_chat(body.get("messages"))
    if isinstance(chat, Declined):
        return chat
    if too_long(chat):
        return Declined("a message is longer than a specialist reads")
    if chat.turns:
        return Declined("the request has earlier turns")
    grammar = Extractions(card)
    form = _form_of_schema(body.get("response_format"), grammar)
    if isinstance(form, Declined):
        return form
    cut = _cut(chat, grammar, named=named)
    if isinstance(cut, Declined):
        return cut
    instruction = f"{chat.system}\n{cut.instruction}".strip()
    wanted = _wanted(instruction, grammar, form)
    if isinstance(wanted, Declined):
        return wanted
    form = form or _form_of_words(instruction, wanted, grammar)
    if isinstance(form, Declined):
        return form
    reason = objection(cut, grammar)
    if not reason and grammar.language == "en" and not looks_english(cut.payload):
        reason = "the text does not look English"
    return Declined(reason) if reason else Extraction(cut.payload, wanted, form, cut.confidence)


def _cut(chat: Chat, grammar: Extractions, *, named: bool) -> Cut | Declined:
    """Return the first reading whose instruction asks for entities in known words."""
    reason = "no request for entities was recognised"
    for cut in cuts(chat.user, grammar):
        text = f"{chat.system}\n{cut.instruction}"
        if not grammar.asks(text) or (chat.system and not grammar.asks(cut.instruction)):
            continue
        unknown = grammar.unknown_word(text)
        if unknown is None:
            return cut
        reason = f"`{unknown}` is not a word of the instructions that this specialist understands"
    if grammar.asks(chat.user):
        return Declined(reason)
    if grammar.asks(chat.system):
        unknown = grammar.unknown_word(chat.system)
        return Declined(f"`{unknown}` is not a known word") if unknown else bare(chat.user)
    if named and not chat.system:
        return Cut(chat.user.strip(), "", True, 0.95)
    return Declined(reason)


def _wanted(instruction: str, grammar: Extractions, form: Form | None) -> frozenset[str] | Declined:
    """Return the labels that are asked for: those named, those of the schema, or all for `all entities`."""
    foreign = grammar.foreign_word(instruction)
    if foreign:
        return Declined(f"the request names `{foreign}`, which is not among this specialist's labels")
    named = frozenset(mention.label for mention in grammar.mentions(instruction))
    if form is not None:
        labels = frozenset(label for _, label in form.fields)
        return labels if named <= labels else Declined("the instruction names labels that the schema lacks")
    return named or frozenset(grammar.labels)


def _form_of_words(instruction: str, wanted: frozenset[str], grammar: Extractions) -> Form | Declined:
    """Return the form that an instruction without a schema asks for."""
    if _REDACT.search(instruction):
        if wanted == frozenset(grammar.labels):
            return Form("redacted")
        return Declined("only some kinds are to be redacted")
    if not instruction:
        return Form("objects", tuple((label, label) for label in grammar.labels))
    if len(wanted) > 1:
        return Declined("several kinds of entity are asked for, and no schema says how to tell them apart")
    if _ARRAY.search(instruction):
        return Form("array")
    if re.search(r"\bjson\b", instruction, re.IGNORECASE):
        return Declined("the request asks for JSON without a schema")
    if _COMMAS.search(instruction):
        return Declined("two forms are asked for") if _LINES.search(instruction) else Form("commas")
    return Form("lines")


def _form_of_schema(response_format: object, grammar: Extractions) -> Form | Declined | None:
    """Return the form of a JSON schema whose properties are this specialist's labels; None for plain text."""
    if not isinstance(response_format, dict) or response_format.get("type") == "text":
        return None
    declined = Declined("the response format is not a schema whose properties are this specialist's labels")
    try:
        properties = response_format["json_schema"]["schema"]["properties"]
        fields = [(str(name), described) for name, described in properties.items()]
        if response_format.get("type") != "json_schema" or not fields:
            return declined
        if all(described["type"] == "array" for _, described in fields):
            if len(fields) == 1 and fields[0][1]["items"]["type"] == "object":
                return _objects(fields[0][0], fields[0][1]["items"]["properties"], grammar) or declined
            if all(described["items"]["type"] == "string" for _, described in fields):
                return _lists([name for name, _ in fields], grammar) or declined
    except (KeyError, TypeError, AttributeError):
        return declined
    return declined


def _lists(names: Sequence[str], grammar: Extractions) -> Form | None:
    labels = [grammar.wording_of(re.sub(r"[_\s]+", " ", name)) or grammar.wording_of(name) for name in names]
    if None in labels or len(set(labels)) != len(labels):
        return None
    return Form("lists", tuple((name, str(label)) for name, label in zip(names, labels, strict=True)))


def _objects(outer: str, properties: Mapping[str, Any], grammar: Extractions) -> Form | None:
    """Read `{entities: [{text, type}]}`, where `type` lists labels."""
    if len(properties) != 2:
        return None
    name = next((key for key in properties if key in _NAME_KEYS), None)
    kind = next((key for key in properties if key in _KIND_KEYS), None)
    if name is None or kind is None or properties[name].get("type") != "string":
        return None
    written = properties[kind].get("enum")
    if not isinstance(written, list) or not all(isinstance(value, str) for value in written):
        return None
    labels = [grammar.wording_of(value) for value in written]
    if None in labels or len(set(labels)) != len(labels):
        return None
    pairs = tuple((value, str(label)) for value, label in zip(written, labels, strict=True))
    return Form("objects", pairs, (outer, name, kind))


def _redacted(found: Sequence[Entity], text: str) -> str:
    parts, at = [], 0
    for entity in found:
        parts += [text[at : entity.span.start], f"[{entity.span.label}]"]
        at = entity.span.end
    return "".join([*parts, text[at:]])


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
