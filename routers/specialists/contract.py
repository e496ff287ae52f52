"""From a chat request to a specialist's task, or to the reason why the specialist declines it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from routers.specialists.base import Declined, Task
from routers.specialists.english import looks_english
from routers.specialists.instruction import Instructions
from routers.specialists.payload import Cut, bare, cuts, objection
from routers.specialists.shots import shots_of_messages, shots_of_text
from routers.specialists.wording import wording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routers.specialists.registry import SpecialistCard

_FILLER = re.compile(
    r"^\W*you are (?:a|an) (?:helpful|useful|friendly|concise)(?:,? \w+)? (?:ai )?assistant\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Chat:
    system: str
    turns: list[tuple[str, str]]
    """Earlier (user, assistant) turns."""
    user: str


def read_task(body: Mapping[str, Any], card: SpecialistCard, *, named: bool = False) -> Task | Declined:
    """Extract the one text to classify and the wording of each label from an OpenAI chat request.

    `named`: the caller asked for this specialist by name, so that a message may be the bare text, and the
    labels that nobody wrote out are this specialist's.
    Deterministic and conservative: a request that could be read in two ways, or asks for anything besides
    one of the specialist's labels, is declined. What stands inside a marked text is never an instruction.
    """
    refusal = refuse_by_options(body)
    if refusal:
        return Declined(refusal)
    chat = read_chat(body.get("messages"))
    if isinstance(chat, Declined):
        return chat
    grammar = Instructions(card)
    values = _enum_values(body.get("response_format"), grammar)
    if isinstance(values, Declined):
        return values
    task = _bare(chat, grammar) if named else None
    if task is None:
        task = _read(chat, grammar, values, named=named)
    if isinstance(task, Declined):
        return task
    return replace(task, words=values) if values else task


def refuse_by_options(body: Mapping[str, Any]) -> str | None:
    if body.get("tools") or body.get("functions"):
        return "the request offers tools"
    if body.get("logprobs") or body.get("top_logprobs"):
        return "the request asks for token log-probabilities"
    if body.get("logit_bias"):
        return "the request biases tokens"
    if body.get("modalities") not in (None, ["text"]):
        return "the request asks for something besides text"
    return None


def read_chat(messages: object) -> Chat | Declined:
    if not isinstance(messages, list) or not messages:
        return Declined("the request has no messages")
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for message in messages:
        if not isinstance(message, dict):
            return Declined("a message is no object")
        role, text = message.get("role"), _text(message.get("content"))
        if text is None:
            return Declined("a message holds something besides text")
        if role in ("system", "developer"):
            if turns:
                return Declined("a system message stands between the turns")
            system.append(text)
        elif role in ("user", "assistant"):
            turns.append((role, text))
        else:
            return Declined(f"a message has the role `{role}`")
    roles = [role for role, _ in turns]
    if roles != (["user", "assistant"] * len(roles))[: len(roles)] or len(roles) % 2 == 0:
        return Declined("the turns do not alternate and end with the user's")
    texts = [text for _, text in turns]
    pairs = list(zip(texts[:-1:2], texts[1::2], strict=True))
    kept = "\n".join(part for part in system if not _FILLER.match(part)).strip()
    return Chat(kept, pairs, texts[-1])


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(p, dict) and p.get("type") == "text" for p in content):
        parts = [part.get("text") for part in content]
        return "\n".join(parts) if all(isinstance(part, str) for part in parts) else None
    return None


def _enum_values(response_format: object, grammar: Instructions) -> dict[str, str] | Declined:
    """Return label -> the JSON text of the answer for a schema with one enum property; {} for plain text."""
    if not isinstance(response_format, dict) or response_format.get("type") == "text":
        return {}
    declined = Declined(
        "the response format is not a schema whose one property lists this specialist's labels"
    )
    try:
        schema = response_format["json_schema"]["schema"]
        ((name, described),) = schema["properties"].items()
        values = described["enum"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return declined
    if response_format.get("type") != "json_schema" or not all(isinstance(value, str) for value in values):
        return declined
    labels = [grammar.wording_of(value) for value in values]
    if None in labels or len(set(labels)) != len(labels) or len(labels) != len(grammar.labels):
        return declined
    return {
        str(label): json.dumps({name: v}, ensure_ascii=False) for label, v in zip(labels, values, strict=True)
    }


MAX_CHARACTERS = 4000
"""Of one message. A specialist reads some 1,000 characters; and the expressions here are quadratic at worst."""


_CLASSIFYING = re.compile(
    r"^\W*(?:please |kindly |can you |could you )*(?:classify|categori[sz]e|label|rate|determine|identify|detect|"
    r"decide|judge|predict|evaluate|assess|extract)\b|[:?]\s*\n",
    re.IGNORECASE,
)
"""How a message begins or breaks that is not a bare text, whatever it asks for."""


def _bare(chat: Chat, grammar: Instructions) -> Task | Declined | None:
    """Read the message of a caller who named the specialist as the text itself; None when it has an instruction."""
    if chat.system or chat.turns or grammar.asks(chat.user) or _CLASSIFYING.search(chat.user):
        return None
    cut = Cut(chat.user.strip(), "", True, 0.95)
    reason = objection(cut, grammar)
    if not reason and len(chat.user) > MAX_CHARACTERS:
        reason = "the text is longer than a specialist reads"
    if not reason and grammar.language == "en" and not looks_english(cut.payload):
        reason = "the text to classify does not look English"
    return (
        Declined(reason)
        if reason
        else Task(cut.payload, {label: label for label in grammar.labels}, cut.confidence)
    )


def too_long(chat: Chat) -> bool:
    """Say whether a message is longer than the expressions of a specialist's grammar should read."""
    texts = (chat.system, chat.user, *(text for pair in chat.turns for text in pair))
    return any(len(text) > MAX_CHARACTERS for text in texts)


def _read(
    chat: Chat, grammar: Instructions, values: dict[str, str], *, named: bool = False
) -> Task | Declined:
    if too_long(chat):
        return Declined("a message is longer than a specialist reads")
    shown = shots_of_messages(chat.turns, grammar)
    if isinstance(shown, Declined):
        return shown
    inline = shots_of_text(chat.user, grammar)
    if isinstance(inline, Declined):
        return inline
    if inline is not None:
        if not grammar.asks(f"{chat.system}\n{inline.header}"):
            return Declined("the worked examples do not say what they classify")
        return _judge(
            chat.system,
            Cut(inline.payload, inline.header, False, 0.93),
            inline.words,
            grammar,
            named=named or bool(values),
        )
    first: Declined | None = None
    for cut in cuts(chat.user, grammar):
        if not grammar.asks(cut.instruction):
            continue
        found = _judge(chat.system, cut, shown, grammar, named=named or bool(values))
        if isinstance(found, Task):
            return found
        first = first or found
    if grammar.asks(chat.system) and not grammar.asks(chat.user):
        return _judge(chat.system, bare(chat.user), shown, grammar, named=named or bool(values))
    return first or Declined("no instruction to classify was recognised")


def _judge(
    system: str, cut: Cut, shown: Mapping[str, str], grammar: Instructions, *, named: bool
) -> Task | Declined:
    """Check one reading: the whole instruction is known, the labels are named, the payload is one text."""
    words = wording(f"{system}\n{cut.instruction}".strip(), grammar, shown, named=named)
    if isinstance(words, Declined):
        return words
    reason = objection(cut, grammar)
    if not reason and grammar.language == "en" and not looks_english(cut.payload):
        reason = "the text to classify does not look English"
    return Declined(reason) if reason else Task(cut.payload, words, cut.confidence)
