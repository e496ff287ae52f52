"""What the heads do not read of a request: how long it is, and the identifiers of people in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from routers.features import HEAD, TAIL
from routers.identifiers import FLOORS, IDENTIFIERS, find_identifiers, first_certain
from routers.tokenizer import cut

if TYPE_CHECKING:
    from routers.signals import RequestText

_CHARACTERS_A_TOKEN: Final = 4


def unread_tokens(text: RequestText) -> int:
    """Estimated tokens of the turns before the last one, at four characters each."""
    return (len(text.earlier) + text.replies) // _CHARACTERS_A_TOKEN


def unread_floor(text: RequestText) -> float:
    """Least probability of personal data by what is in earlier turns of the user, or in the middle of a long one.

    Of a long text, the head and the tail are searched for every identifier, and the whole for those that leave little
    doubt. What models and tools said and the system prompt do not count: what they hold is not the user's, and an
    address for questions in a system prompt would make every request personal.
    """
    floor = max(_by_head_and_tail(text.earlier), _by_what_is_certain(text.earlier)) if text.earlier else 0.0
    return max(floor, _by_what_is_certain(text.user))


def _by_head_and_tail(text: str) -> float:
    found = find_identifiers(cut(text, HEAD, TAIL))
    return max((FLOORS[name] for name, count in zip(IDENTIFIERS, found, strict=True) if count), default=0.0)


def _by_what_is_certain(text: str) -> float:
    """The floor of the first certain identifier of a text of which `cut` leaves something out."""
    name = first_certain(text) if len(text) > HEAD + TAIL else None
    return FLOORS[name] if name is not None else 0.0
