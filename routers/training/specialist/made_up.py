"""Made-up values of personal data, so that a model sees more than a small corpus has."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_IBAN_LENGTHS = {"GB": (4, 14), "DE": (0, 18), "FR": (0, 23), "NL": (4, 10), "ES": (0, 20), "IT": (1, 22)}
"""Country -> letters, then digits, after the two check digits (ISO 13616)."""
_HOSTS = ("example", "mail", "contoso", "acme", "northwind", "tailspin", "fabrikam", "web")
_NAMES = ("anna", "j.smith", "lee", "m_garcia", "info", "sales", "t.brown", "kowalski", "sato", "x.nguyen")
_ENDINGS = ("com", "org", "net", "co.uk", "de", "io", "fr")


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices(string.digits, k=count))


def _card(draw: random.Random) -> str:
    groups = [draw.choice("3456") + _digits(draw, 3), *(_digits(draw, 4) for _ in range(3))]
    return draw.choice(("", " ", "-")).join(groups)


def _iban(draw: random.Random) -> str:
    country = draw.choice(sorted(_IBAN_LENGTHS))
    letters, digits = _IBAN_LENGTHS[country]
    bank = "".join(draw.choices(string.ascii_uppercase, k=letters))
    number = country + _digits(draw, 2) + bank + _digits(draw, digits)
    if draw.random() < 0.5:
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _phone(draw: random.Random) -> str:
    form = draw.choice(("###-###-####", "(###) ###-####", "+## ## #### ####", "0## #### ####", "+1-###-###-####",
                        "### ### ###", "#########", "##########", "(0#)## ### ## ##"))  # fmt: skip
    return "".join(draw.choice(string.digits) if mark == "#" else mark for mark in form)


def _email(draw: random.Random) -> str:
    name = draw.choice(_NAMES) + draw.choice(("", _digits(draw, 2)))
    return f"{name}@{draw.choice(_HOSTS)}.{draw.choice(_ENDINGS)}"


def _domain(draw: random.Random) -> str:
    scheme = draw.choice(("", "", "https://", "http://www.", "www."))
    return f"{scheme}{draw.choice(_HOSTS)}{draw.choice(('', _digits(draw, 1)))}.{draw.choice(_ENDINGS)}"


def _address_of_host(draw: random.Random) -> str:
    return ".".join(str(draw.randrange(256)) for _ in range(4))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "CREDIT_CARD": _card,
    "IBAN_CODE": _iban,
    "PHONE_NUMBER": _phone,
    "EMAIL_ADDRESS": _email,
    "DOMAIN_NAME": _domain,
    "IP_ADDRESS": _address_of_host,
}
"""Label -> a function that makes one value."""
