"""Cheap facts about the form of a text, as a vector beside its word embeddings."""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from routers.identifiers import FLOORS, IDENTIFIERS, find_identifiers
from routers.tokenizer import cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from routers.signals import RequestText
    from routers.tokenizer import Tokens

_BYTE_GROUPS: Final = {
    "upper": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "digit": b"0123456789",
    "space": b" \t",
    "newline": b"\n",
    "question": b"?",
    "exclamation": b"!",
    "tex": b"\\$^_",
    "brace": b"{}",
    "bracket": b"[]()",
    "operator": b"=+*/<>|&%~-",
    "semicolon": b";",
    "colon": b":",
    "quote": b"\"'`",
    "comma": b",",
    "period": b".",
    "at": b"@#",
    "non_ascii": bytes(range(128, 256)),
}
_PATTERNS: Final = {
    "options": re.compile(r"^[ \t]*\(?[A-J][.):]\s", re.MULTILINE),
    "numbered": re.compile(r"^[ \t]*\d{1,2}[.)]\s", re.MULTILINE),
    "code_line": re.compile(
        r"^[ \t]*(?:def|class|import|from|return|for|if|while|const|let|var|function|#include|public)\b",
        re.MULTILINE,
    ),
}
_FIRST_OPTION: Final = re.compile(r"\n[ \t]*\(?A[.):]\s")
_COUNTED_GROUPS: Final = ("newline", "question", "digit", "tex", "non_ascii", "comma")
_RELATIONS: Final = (
    " each",
    " every",
    " per ",
    " twice",
    " half",
    " times",
    " more",
    " less",
    " than",
    " total",
    " if ",
)
"""Words that tie quantities together: a rough count of the steps that a problem takes."""
FEATURES: Final = (
    "log_tokens",
    "log_characters",
    "log_words",
    "log_stem",
    "log_sentences",
    "word_length",
    "has_system",
    "log_system_tokens",
    *(f"share_{name}" for name in _BYTE_GROUPS),
    *(f"count_{name}" for name in _COUNTED_GROUPS),
    *(f"count_{name}" for name in _PATTERNS),
    "count_number",
    "count_blank",
    "count_relation",
    *(f"has_{name}" for name in IDENTIFIERS),
)
"""Names of the entries of the vector, in order."""

HEAD, TAIL = 2600, 1400
"""Characters that are kept of a long user text."""
_GROUP_OF_BYTE: Final = bytes(
    next((number for number, group in enumerate(_BYTE_GROUPS.values()) if byte in group), len(_BYTE_GROUPS))
    for byte in range(256)
)
_FLOORS: Final = tuple(FLOORS[name] for name in IDENTIFIERS)
_DIGITS: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_COUNTED: Final = [list(_BYTE_GROUPS).index(n) for n in _COUNTED_GROUPS]


def text_features(text: RequestText, tokens: Tokens) -> NDArray[np.float32]:
    """The vector of `FEATURES` of a request; bounded time, finite for every text."""
    kept = cut(text.user, HEAD, TAIL)
    encoded = kept.encode("utf-8", "replace")
    numbers = np.frombuffer(encoded.translate(_GROUP_OF_BYTE), dtype=np.uint8)
    groups = np.bincount(numbers, minlength=len(_BYTE_GROUPS) + 1).tolist()[:-1]
    share = 1 / max(len(encoded), 1)
    option = _FIRST_OPTION.search(kept)
    stem = kept[: option.start()] if option else kept
    words = kept.count(" ") + kept.count("\n") + 1
    found = find_identifiers(kept)
    return np.array(
        [
            math.log1p(len(tokens.user)),
            math.log1p(len(text.user)),
            math.log1p(words),
            math.log1p(len(stem)),
            math.log1p(kept.count(". ") + kept.count(".\n") + kept.count("? ")),
            min(len(kept) / words, 20.0),
            float(len(tokens.system) > 0),
            math.log1p(len(tokens.system)),
            *[count * share for count in groups],
            *[math.log1p(groups[number]) for number in _COUNTED],
            *[math.log1p(count) for count in _line_counts(kept)],
            math.log1p(_runs_of_digits(encoded)),
            math.log1p(kept.count("___") + kept.count("??")),
            math.log1p(sum(map(kept.count, _RELATIONS))),
            *[float(count > 0) for count in found],
        ],
        dtype=np.float32,
    )


def _line_counts(text: str) -> list[int]:
    """How many lines begin as each of `_PATTERNS`; a text of one line can only begin once."""
    if "\n" not in text:
        return [int(pattern.match(text) is not None) for pattern in _PATTERNS.values()]
    return [len(pattern.findall(text)) for pattern in _PATTERNS.values()]


def _runs_of_digits(encoded: bytes) -> int:
    digits = encoded.translate(_DIGITS)
    return digits.count(b" 0") + digits.startswith(b"0")


def identifier_floor(features: NDArray[np.float32]) -> float:
    """Least probability of personal data, by the identifiers that were found; 0 when none was."""
    return float(max(map(operator.mul, features[-len(_FLOORS) :].tolist(), _FLOORS)))
