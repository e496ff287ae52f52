"""Recognise an instruction to classify, and how its author wants each label written.

The grammar is closed: every word of the instruction must be known, or the request is declined. An unknown
word may ask for an explanation, a translation, a third class or something nobody thought of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from routers.specialists.registry import SpecialistCard


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text that blanks separate."""
    return tuple(text.split())


NOUNS = words_of(
    "review text sentence comment tweet feedback message statement passage post snippet opinion paragraph input "
    "document content excerpt testimonial email e-mail mail sms headline utterance query question request"
)
"""How callers name one text to classify. Plurals are missing on purpose: they announce several payloads."""

_KINDS = words_of(
    "movie film product customer user reviewer book restaurant hotel client app short online social media following "
    "above below given user's reviewer's customer's overall author's writer's speaker's news gold twitter phone "
    "banking support incoming"
)
"""What may stand before such a noun without changing the task."""

_VOCABULARY = frozenset(
    words_of(
        """
        a an the this that it its it's you are you're is was be your my me please kindly i want have i'll
        classify classifies classifying categorize categorise label labels determine identify decide judge detect
        predict assess evaluate analyze analyse rate mark perform tell say read does do express expresses expressed
        convey conveys has what what's which answer respond return output outputs use print give with only just one
        single word exactly either or and as into in for if when whether of to by from on using task job role helpful
        assistant classifier model expert analyst analysis critic classification engine tool bot general option
        options choose choosing pick category categories class classes binary must should then otherwise format here
        mean means following lower-case lowercase upper-case uppercase case lower upper capitals capital letters
        reply replying responding answering detector detection filter filtering
        """
    )
).union(NOUNS, _KINDS, (f"{noun}'s" for noun in NOUNS))

_FORMAT_PHRASES = re.compile(
    r"\b(?:(?:and |but )?(?:do not|don't|never|no need to) (?:add|include|output|give|write|say|provide|return)? ?"
    r"(?:me )?(?:any ?thing else|any ?(?:other|additional|extra|further)? (?:text|words|explanations?|punctuation|"
    r"commentary|comments)|(?:an |your )?explanations?|explain|explain your answer|explain yourself|punctuation)"
    r"(?: or (?:punctuation|explanations?|anything else))?"
    r"|(?:and )?nothing (?:else|more)"
    r"|(?:with |and )?no (?:other|additional|extra|further) (?:text|words?|output|explanation)"
    r"|(?:with |and )?no (?:explanations?|punctuation)(?: or punctuation)?"
    r"|without (?:any )?(?:explanations?|punctuation|other words|anything else)(?: or punctuation)?"
    r"|(?:in |with |using )?(?:only |exactly |just )?(?:one|a single|1) word(?: only)?"
    r"|(?:one|exactly one|only one) of (?:the )?(?:these |following )?(?:two )?"
    r"(?:labels|words|classes|categories|options)?"
    r"|(?:two|2|three|3|four|4|six|6) (?:classes|categories|labels|options)|the words"
    r"|(?:exactly |only )?one of (?:the )?(?:these |following )?(?:two |three |four |six |possible )?(?:\w+ )?"
    r"(?:types|emotions|intents|values|names)|(?:whether )?or not(?=\W|$)"
    r"|(?:could|can|would|will) you|i (?:will|would like to) give you|i(?:'d| would) like you to"
    r"|how (?:does|do|did) the (?:reviewer|author|writer|customer|user) feel(?: about (?:it|this))?"
    r"|hi(?: there)?|hello|hey|thanks(?: in advance)?|thank you)(?!\w)",
    re.IGNORECASE,
)

_CLASSIFY = (
    r"(?:classif(?:y|ies|ying)|categori[sz]e|label|determine|identify|decide|judge|detect|predict|assess|evaluate|"
    r"analy[sz]e|rate|mark|tell me (?:whether|if|the)|say (?:whether|if|that))"
)
_ANSWER = re.compile(
    r"\W*(?:please |kindly |just |only )*(?:answer|respond|reply|return|output|print|use|give|say)\b",
    re.IGNORECASE,
)
_IN_CASE = re.compile(r"\b(?:lower|upper|capital)", re.IGNORECASE)
_OTHER_TASK = re.compile(
    r"\b(?:respond|reply|answer|replying|responding|answering)\s+(?:to|this|the|my|it)\b"
    r"|\b(?:should|must|can|could) i\b|\band (?:what|which|who|when|how|if)\b",
    re.IGNORECASE,
)
"""`Reply to this review in a positive or negative tone` asks for a text."""

WEAK = frozenset({"good", "bad"})
"""Words that judge many things besides what a review thinks; they need a noun that settles it."""

_OPINION = re.compile(r"\b(?:review|feedback|testimonial|feel)\b", re.IGNORECASE)

CODES = frozenset({"0", "1", "-1", "yes", "no", "true", "false"})
"""What may stand for a label, if the instruction says for which."""

_TOOL = "classifier|classification|analysis|analyst|analyzer|analyser|detection|detector|filter|filtering"

GAP = "§"
"""Stands in an instruction where the payload was taken out."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where an instruction names a label."""

    label: str
    surface: str
    start: int
    end: int


class Instructions:
    """The closed grammar of one specialist's instructions."""

    def __init__(self, card: SpecialistCard) -> None:
        self._labels = card.labels
        self.out_of_scope = card.out_of_scope
        self.reads_requests = card.reads_requests
        self.language = card.language
        self._vocabulary = _VOCABULARY.union(card.vocabulary)
        self._owner = {word: label for label, words in card.words.items() for word in words}
        self._label = re.compile(_any_of(self._owner), re.IGNORECASE)
        self._subject = re.compile(_any_of(card.subjects), re.IGNORECASE)
        self._foreign = re.compile(_any_of(card.foreign_words), re.IGNORECASE)
        self._core = self._request()
        # `a spam classifier` names a task, and no label that could be the answer
        self._task_name = re.compile(rf"{self._subject.pattern}(?=[ -](?:{_TOOL})\b)", re.IGNORECASE)

    def _request(self) -> re.Pattern[str]:
        """Return the expression of a request to classify."""
        subject, label = self._subject.pattern, self._label.pattern
        noun = rf"(?:the |this |that |my |a |an )?(?:(?:{'|'.join(_KINDS)}) ){{0,4}}(?:{'|'.join(NOUNS)}|{subject})\b"
        pronoun = (
            rf"(?:it|this|that|(?:the )?following|the above)(?=\W+(?:(?:a|an|either) )?{label}|\W*[:{GAP}])"
        )
        return re.compile(
            rf"\b(?:is|was|does|whether|if) (?:{noun}|{pronoun})[^.?!\n]{{0,60}}?{label}"
            rf"|\b(?:is|was) (?:this|that|it|the following) (?:a |an )?{label}[^.?!\n]{{0,40}}?(?:{'|'.join(NOUNS)})\b"
            rf"|\b{_CLASSIFY}\b[^.?!\n]{{0,90}}?(?:{subject}|{label})"
            rf"|{subject}(?: \w+)?[ -](?:{_TOOL})\b"
            rf"|(?:^|[.:\n]\s*)(?:what is |what's |the |overall )*{subject}(?: of [\w ]{{1,40}})?\s*[:?(,\-]"
            rf"|\b(?:output|give|return|print|what is|what's|which) (?:the |its |overall )*{subject}\b"
            rf"|\bhow (?:does|do|did) the \w+ feel\b[^.?!\n]{{0,40}}?{label}"
            rf"|^\W*{label}\W{{1,4}}(?:or )?\W{{0,3}}{label}\W*[?:]",
            re.IGNORECASE,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The specialist's labels, in its own order."""
        return self._labels

    def knows(self, text: str) -> bool:
        """Say whether every word of the text belongs to the grammar."""
        return self.unknown_word(text) is None and self.foreign_word(text) is None

    def is_remark(self, text: str) -> bool:
        """Say whether a sentence is wholly about the form of the answer, as `Answer with one word.`"""
        form = _FORMAT_PHRASES.search(text) or (
            _ANSWER.match(text) and (self.mentions(text) or _IN_CASE.search(text))
        )
        return bool(form) and self.knows(text)

    def names_labels(self, text: str) -> bool:
        """Say whether a string, as one in quotes, consists of nothing but labels or codes."""
        rest = re.sub(
            r"(?<![\w.])(?:-?\d|yes|no|true|false|or)(?![\w])", " ", self._label.sub(" ", text), flags=re.I
        )
        return not re.search(r"\w", rest)

    def asks(self, text: str) -> bool:
        """Say whether the text contains the request to classify (not only a remark on the answer's form)."""
        return bool(self._core.search(text)) and not _OTHER_TASK.search(text)

    def is_clear(self, text: str, words: Iterable[str]) -> bool:
        """Say whether wordings such as `good` can only mean this specialist's labels in this instruction."""
        weak = WEAK.intersection(word.lower() for word in words)
        return not weak or bool(_OPINION.search(text) or self._subject.search(text))

    def wording_of(self, text: str) -> str | None:
        """Return the label that a whole string names, or None."""
        return self._owner.get(text.strip().lower())

    def unknown_word(self, text: str) -> str | None:
        """Return the first word that the grammar does not know; None when it knows every word."""
        rest = _FORMAT_PHRASES.sub(" ", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
        rest = self._subject.sub(" ", self._label.sub(" ", rest))
        words = (str(word).lower() for word in re.findall(r"[^\W_](?:[\w'\-]*[^\W_])?", rest))
        codes = (
            CODES if len(self._labels) == 2 else CODES.union("23456789")
        )  # `wording` has each mean a label
        return next((word for word in words if word not in self._vocabulary and word not in codes), None)

    def foreign_word(self, text: str) -> str | None:
        """Return the first class named that the specialist lacks."""
        found = self._foreign.search(text)
        return found.group() if found else None

    def mentions(self, text: str) -> list[Mention]:
        """Return every place where the text names a label, in order."""
        tasks = {found.start() for found in self._task_name.finditer(text)}
        return [
            Mention(self._owner[m.group().lower()], m.group(), m.start(), m.end())
            for m in self._label.finditer(text)
            if m.start() not in tasks
        ]


def _any_of(words: Iterable[str]) -> str:
    ordered = sorted(words, key=len, reverse=True)
    return (
        r"(?<![\w-])(?:" + "|".join(re.escape(word) for word in ordered) + r")(?![\w-])"
        if ordered
        else r"(?!)"
    )
