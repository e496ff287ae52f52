"""Recognises identifiers of people by their form and, where they have one, by their checksum."""

from __future__ import annotations

import ipaddress
import re
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IDENTIFIERS: Final = ("card", "iban", "email", "phone", "ip")
"""What `find_identifiers` looks for, in the order of its counts."""

FLOORS: Final = {"card": 0.99, "iban": 0.99, "email": 0.97, "phone": 0.9, "ip": 0.7}
"""Least probability of personal data when one is found: a checksum leaves little doubt, a form some."""

_NUMERIC_RUN: Final = re.compile(r"[+(\d][\d ().-]{5,}\d")
# The look-behind follows the first character because a pattern that starts with a plain set is searched faster.
_CARD: Final = re.compile(r"\d(?<![\w.]\d)(?:[ -]?\d){11,18}(?!\w)")
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}(?<!\w[A-Z]{2}\d{2})(?: ?[A-Z0-9]){11,30}\b")
_EMAIL: Final = re.compile(r"@(?<=[\w.+-]@)(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_PHONE: Final = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"  # +44 20 7946 0958
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}"  # (212) 555-0182
    r"|\d{3}([.-])\d{3}\1\d{4})(?![\w-])"  # 212-555-0182
)
_IPV4: Final = re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w.])")
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:.])")


# Bytes that a numeric run is made of become `0`, capitals `A`: whether a pattern can match is then one search.
_FORMS: Final = bytes(
    ord("0") if chr(byte) in "0123456789 ().-+" else ord("A") if 65 <= byte <= 90 else ord("x")
    for byte in range(256)
)

# As `_FORMS`, but only digits are digits, and what may stand between them is a blank.
_FORMS_OF_CERTAIN: Final = bytes(
    _FORMS[byte] if chr(byte).isalnum() else ord(" ") if byte in b" -" else ord("x") for byte in range(256)
)
_CARD_FORM: Final = re.compile(rb"0(?: ?0){11,18}")
_IBAN_FORM: Final = re.compile(rb"AA00(?: ?[A0]){11}")
_MOST_CARDS, _MOST_IBANS = 1000, 100
_LONGEST_IBAN: Final = 68
"""Characters with a blank after each."""
_CHARACTER: Final = 4
"""Bytes of UTF-8 at most."""


def find_identifiers(text: str) -> tuple[int, int, int, int, int]:
    """How many identifiers of each kind in `IDENTIFIERS` the text holds. Linear in the length of the text."""
    forms = text.encode().translate(_FORMS) if text.isascii() else b"AA0000000"
    # The longer patterns are tried only on runs of digits and their separators: most texts have none.
    # One character more than the run lets a pattern see that a letter follows.
    numeric = _NUMERIC_RUN.finditer(text) if b"0000000" in forms else ()
    runs = [(run.start(), run.end() + 1) for run in numeric]
    addresses = [found for run in runs for found in _IPV4.findall(text, *run)]
    if text.count(":") >= 3:
        addresses += _IPV6.findall(text)
    return (
        sum(luhn(found) for run in runs for found in _CARD.findall(text, *run)),
        sum(map(_begins_with_iban, _IBAN.findall(text))) if b"AA00" in forms else 0,
        len(_EMAIL.findall(text)) if "@" in text else 0,
        sum(len(_PHONE.findall(text, *run)) for run in runs),
        sum(map(_is_address, addresses)),
    )


def first_certain(text: str) -> str | None:
    """Name of a card, account number or e-mail address that the text holds, None if it holds none.

    Several times as fast as `find_identifiers` on long texts full of numbers, such as logs. Bounded too where most
    of the text looks like what is sought: then only the first candidates are tried.
    """
    if "@" in text and _EMAIL.search(text):
        return "email"
    content = text.encode("utf-8", "replace")
    forms = content.translate(_FORMS_OF_CERTAIN)
    for found in islice(_CARD_FORM.finditer(forms), _MOST_CARDS):
        if any(map(luhn, _CARD.findall(_around(content, found.start(), found.end())))):
            return "card"
    for found in islice(_IBAN_FORM.finditer(forms), _MOST_IBANS):
        end = found.start() + _LONGEST_IBAN
        if any(map(_begins_with_iban, _IBAN.findall(_around(content, found.start(), end)))):
            return "iban"
    return None


def _around(content: bytes, start: int, end: int) -> str:
    """The part with a whole character on either side: the patterns look at both."""
    return content[max(start - _CHARACTER, 0) : end + _CHARACTER].decode("utf-8", "replace")


def luhn(number: str) -> bool:
    """Whether 12 to 19 digits, spaces and hyphens ignored, pass the check of ISO/IEC 7812 for card numbers."""
    digits = [int(c) for c in number if c.isdigit()]
    if not 12 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (d * 2 - 9 if d > 4 else d * 2 for d in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(code: str) -> bool:
    """Whether an account number passes the check of ISO 13616: rearranged, it leaves 1 modulo 97."""
    code = code.replace(" ", "").upper()
    if not 15 <= len(code) <= 34 or not code.isascii() or not code.isalnum():
        return False
    if not (code[:2].isalpha() and code[2:4].isdigit()):
        return False
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def _begins_with_iban(run: str) -> bool:
    """The pattern may run on into following capitals, so that every group boundary is tried."""
    groups = run.split(" ")
    return any(iban("".join(groups[:count])) for count in range(1, len(groups) + 1))


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def locate_identifiers(text: str) -> Iterator[tuple[int, int, str, float]]:
    """Start, end, kind and floor of each identifier that `find_identifiers` counts; none overlaps another.

    Of two that overlap, the one earlier in `IDENTIFIERS` counts: a card number is no telephone number. Linear in the
    length of the text.
    """
    taken = bytearray(len(text))
    for kind, (pattern, valid) in _LOCATED.items():
        for match in pattern.finditer(text):
            start, end = match.start(), match.start() + valid(match[0])
            if start < end and 1 not in taken[start:end]:
                taken[start:end] = b"\1" * (end - start)
                yield start, end, kind, FLOORS[kind]


def _valid_iban(run: str) -> int:
    """How many leading characters are an account number; 0 for none."""
    groups = run.split(" ")
    prefixes = (" ".join(groups[:count]) for count in range(1, len(groups) + 1))
    return next((len(prefix) for prefix in prefixes if iban(prefix)), 0)


_LOCATED: Final[dict[str, tuple[re.Pattern[str], Callable[[str], int]]]] = {
    "card": (_CARD, lambda found: len(found) if luhn(found) else 0),
    "iban": (_IBAN, _valid_iban),
    "email": (re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"), len),
    "phone": (_PHONE, len),
    "ip": (
        re.compile(f"{_IPV4.pattern}|{_IPV6.pattern}"),
        lambda found: len(found) if _is_address(found) else 0,
    ),
}
