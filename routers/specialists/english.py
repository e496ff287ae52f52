"""Notice texts in other languages, which a specialist trained on English would label with false confidence."""

from __future__ import annotations

import re

_ENGLISH_WORDS = (
    "the a an and of to in is it it's this that was i you he she they we for with as but not on at by from be are or "
    "so if its his her my your has have had do does don't did will would can all no very more than just about"
)
_OTHER_WORDS = (
    "el los las que una por para pero muy del está fue como "  # Spanish
    "le les des une est et pas très mais qui dans pour sur c'est ce cette avec "  # French
    "der das und ist nicht ein eine mit sehr aber ich den dem wurde "  # German
    "il che è non molto della sono questo questa "  # Italian
    "não uma muito mas com foi este "  # Portuguese
    "het een niet maar zeer ik deze "  # Dutch
    "nie jest się bardzo ale to jest och är inte det ikke meget"  # Polish, Swedish, Danish
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHERS = frozenset(_OTHER_WORDS.split()) - _ENGLISH


def looks_english(text: str) -> bool:
    """Say whether a text may be English: mostly Latin letters, and no more foreign than English small words.

    Short texts without any small word pass.
    """
    letters = [character for character in text if character.isalpha()]
    if sum(not character.isascii() for character in letters) > 0.2 * len(letters):
        return False
    words = re.findall(
        r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    )
    foreign = sum(word in _OTHERS for word in words)
    return foreign < 2 or foreign <= sum(word in _ENGLISH for word in words)
