"""How the author of an instruction wants each label written."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from routers.specialists.base import Declined
from routers.specialists.instruction import WEAK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routers.specialists.instruction import Instructions, Mention

_CODE = r"(?<![\w.])[\"'`]?(?P<code>-?\d|[A-Z]|yes|no|true|false)[\"'`]?(?![\w])"
_BETWEEN_CODE_AND_LABEL = re.compile(
    rf"{_CODE}\)?\s*(?:=|:|-|\u2013|->|→|for|if|when|means|is|as)\s*"
    r"(?:(?:the|this|it|a|an|is|its|it's|overall|of|review|text|sentence|sentiment|tone|comment|tweet) )*[\"'`]?$",
    re.IGNORECASE,
)
_BETWEEN_LABEL_AND_CODE = re.compile(rf"^[\"'`]?\s*(?:=|:|-|\u2013|->|→|as|is|\()\s*{_CODE}", re.IGNORECASE)
_ANY_CODE = re.compile(r"(?<![\w.-])-?\d+(?!\w)|(?<!\w)(?:yes|no|true|false)(?!\w)", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"(?P<code>-?\d|[A-Z]|yes|no|true|false)[\"'`]? (?:otherwise|if not)\b", re.IGNORECASE
)
_PAIR = re.compile(r"\b(?P<yes>yes|true)[\"'`]*\s*(?:,|/|\||or)\s*[\"'`]*(?P<no>no|false)\b", re.IGNORECASE)
_GAP = re.compile(
    r"^[\s\"'`“”\u2018\u2019*()\[\],;/|]*(?:or|and|vs\.?|versus)?[\s\"'`“”\u2018\u2019*()\[\]]*(?:\n[-*•] ?[\"'`]?)?$",
    re.IGNORECASE,
)
_ABOUT_THE_ANSWER = re.compile(
    r"\b(?:answer|respond|reply|return|output|use|print|give|only|just|with)\b", re.IGNORECASE
)
_CASE = re.compile(
    r"\b(?:(?P<lower>lower-?\s?case)|(?P<upper>upper-?\s?case|(?:all )?capitals?|capital letters))\b",
    re.IGNORECASE,
)

Words = dict[str, str]

MANY = 12
"""Labels of a specialist beyond which only a complete list of them is read."""


def wording(text: str, grammar: Instructions, shown: Mapping[str, str], *, named: bool) -> Words | Declined:
    """Return label -> wording for an instruction; `shown` is what worked examples write.

    `named`: the labels are fixed elsewhere (by a response schema), so the instruction need not name them.
    """
    foreign, unknown = grammar.foreign_word(text), grammar.unknown_word(text)
    if foreign:
        return Declined(f"the request names `{foreign}`, which is not among this specialist's labels")
    if unknown:
        return Declined(f"`{unknown}` is not a word of the instructions that this specialist understands")
    found = _listed(text, grammar) if len(grammar.labels) > MANY else _few(text, grammar)
    if isinstance(found, Declined):
        return found
    if not found and (named or set(shown) == set(grammar.labels)):
        found = dict(shown) if shown else {label: label for label in grammar.labels}
    if set(grammar.labels) - set(found) - {grammar.out_of_scope}:
        return Declined("the request does not say how each label is written")
    if any(found[label].lower() != word.lower() for label, word in shown.items()):
        return Declined("the worked examples write the labels in another way than the instruction")
    if not grammar.is_clear(text, found.values()):
        return Declined("the labels named may mean something else than this specialist's")
    return _cased(text, {**found, **shown})


def _few(text: str, grammar: Instructions) -> Words | Declined:
    """Read codes, a question for one of two labels, or an enumeration."""
    found = _coded(text, grammar)
    if found is not None:
        return found
    return _yes_or_no(text, grammar) if _one_label(text, grammar) else _grouped(text, grammar)


def _listed(text: str, grammar: Instructions) -> Words | Declined:
    """Read the one long list of a text; among many labels some are everyday words, so single ones mean nothing."""
    lists = [group for group in _groups(text, grammar.mentions(text)) if len(group) > 2]
    if not lists:
        return {}
    if len(lists) > 1 or set(grammar.labels) - {m.label for m in lists[0]} - {grammar.out_of_scope}:
        return Declined("the labels that the request lists are not this specialist's")
    return {mention.label: mention.surface for mention in lists[0]}


def _cased(text: str, words: Words) -> Words | Declined:
    asked = {found.lastgroup for found in _CASE.finditer(text)}
    if len(asked) > 1:
        return Declined("the request asks for lower and upper case")
    if asked:
        return {label: word.lower() if asked == {"lower"} else word.upper() for label, word in words.items()}
    return words


def _one_label(text: str, grammar: Instructions) -> bool:
    return len({mention.label for mention in grammar.mentions(text)}) == 1


def _coded(text: str, grammar: Instructions) -> Words | Declined | None:
    """Read `0 = negative, 1 = positive` and its kin; None when the text maps no code."""
    pairs: set[tuple[str, str]] = set()
    for mention in grammar.mentions(text):
        before = _BETWEEN_CODE_AND_LABEL.search(text[: mention.start])
        after = _BETWEEN_LABEL_AND_CODE.search(text[mention.end :])
        pairs |= {(mention.label, found["code"]) for found in (before, after) if found}
    otherwise = _OTHERWISE.search(text)
    if otherwise and len(pairs) == 1 and len(grammar.labels) == 2:
        ((label, _),) = pairs
        pairs.add((next(other for other in grammar.labels if other != label), otherwise["code"]))
    if not pairs:
        return None
    words = dict(pairs)
    used = {code.lower() for code in words.values()}
    stray = {found.group().lower() for found in _ANY_CODE.finditer(text)} - used
    if len(words) != len(pairs) or len(used) != len(grammar.labels) or stray:
        return Declined("the request maps the labels to codes in a way that can be read twice")
    return words


def _yes_or_no(text: str, grammar: Instructions) -> Words | Declined:
    """Read `Is this review positive?`: yes for the label named, no for the other one."""
    (label,) = {mention.label for mention in grammar.mentions(text)}
    declined = Declined("the request names only one label")
    question = re.search(
        r"(?:^|[.:\n]\s*|whether |if )(?:is|was|does)?\b[^.?!\n]*$",
        text[: grammar.mentions(text)[0].start],
        re.I,
    )
    if len(grammar.labels) != 2 or len(grammar.mentions(text)) != 1 or not question or "?" not in text:
        return declined
    if grammar.mentions(text)[0].surface.lower() in WEAK:
        return declined  # a good review may be a helpful one
    pair = _PAIR.search(text)
    if not pair and _ANY_CODE.search(text):
        return declined
    yes, no = (pair["yes"], pair["no"]) if pair else ("Yes", "No")
    if {yes.lower(), no.lower()} not in ({"yes", "no"}, {"true", "false"}):
        return declined
    return {other: yes if other == label else no for other in grammar.labels}


def _grouped(text: str, grammar: Instructions) -> Words | Declined:
    """Read `positive or negative`; the last enumeration counts if it is about the answer."""
    if _ANY_CODE.search(text):
        return Declined("the request names codes that it does not map to labels")
    mentions = grammar.mentions(text)
    if not mentions:
        return {}
    groups = _groups(text, mentions)
    complete = [
        group for group in groups if len(group) == len({m.label for m in group}) == len(grammar.labels)
    ]
    if not complete or len(complete) != len(groups):
        return _conditional(text, mentions, grammar)
    found = [_plain(text, group) for group in complete]
    if all(words == found[-1] for words in found):
        return found[-1]
    sentence = re.split(r"[.?!\n]", text[: complete[-1][0].start])[-1]
    if _ABOUT_THE_ANSWER.search(sentence):
        return found[-1]
    return Declined("the request names the labels in two ways")


def _groups(text: str, mentions: list[Mention]) -> list[list[Mention]]:
    groups: list[list[Mention]] = [mentions[:1]] if mentions else []
    for left, right in pairwise(mentions):
        if _GAP.match(text[left.end : right.start]) and right.label not in {m.label for m in groups[-1]}:
            groups[-1].append(right)
        else:
            groups.append([right])
    return groups


def _plain(text: str, group: list[Mention]) -> Words:
    """Take the wording of one enumeration; a capital that only begins its sentence is not meant."""
    words = {mention.label: mention.surface for mention in group}
    first, rest = group[0], group[1:]
    begins = re.search(r"(?:^|[.?!:\n])\s*$", text[: first.start])
    if (
        begins
        and _is_capitalised(first.surface)
        and all(not mention.surface[0].isupper() for mention in rest)
    ):
        words[first.label] = first.surface.lower()
    return words


def _is_capitalised(word: str) -> bool:
    return word[0].isupper() and word[1:] == word[1:].lower()


def _conditional(text: str, mentions: list[Mention], grammar: Instructions) -> Words | Declined:
    """Read `POSITIVE if the review is positive and NEGATIVE if it is negative`."""
    words: Words = {}
    for answer, condition in zip(mentions[::2], mentions[1::2], strict=False):
        between = text[answer.end : condition.start]
        if answer.label != condition.label or not re.match(r"^[\"'`]*,? (?:if|when|for)\b[^.?!]*$", between):
            return Declined("the request names the labels in a way that can be read twice")
        words[answer.label] = answer.surface
    if len(mentions) != 2 * len(grammar.labels) or set(words) != set(grammar.labels):
        return Declined("the request names the labels in a way that can be read twice")
    return words
