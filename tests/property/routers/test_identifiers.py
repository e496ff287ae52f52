"""Laws of the recognisers of identifiers with a checksum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routers.identifiers import IDENTIFIERS, find_identifiers, first_certain, iban, luhn


def with_luhn_digit(body: str) -> str:
    """The number completed by the digit that makes it valid."""
    return next(body + digit for digit in "0123456789" if _luhn_sum(body + digit) % 10 == 0)


def _luhn_sum(number: str) -> int:
    total = 0
    for position, digit in enumerate(int(c) for c in reversed(number)):
        doubled = digit * 2 if position % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total


def with_iban_check(country: str, body: str) -> str:
    """The account number with its two check digits by ISO 13616."""
    digits = "".join(str(int(c, 36)) for c in f"{body}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{body}"


bodies = st.text("0123456789", min_size=11, max_size=18).filter(lambda body: len(set(body)) > 1)
countries = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
accounts = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=11, max_size=28)


certain = st.one_of(
    bodies.map(with_luhn_digit),
    st.builds(with_iban_check, countries, accounts),
    st.builds(with_iban_check, countries, accounts).map(
        lambda code: " ".join(code[i : i + 4] for i in range(0, len(code), 4))
    ),
    st.just("anna.keller@example.org"),
    st.just("no identifier"),
)


@given(bodies)
def test_a_completed_card_number_passes_and_every_other_last_digit_fails(body) -> None:
    """Exactly one last digit satisfies the Luhn check."""
    number = with_luhn_digit(body)
    assert luhn(number)
    assert not any(luhn(body + digit) for digit in "0123456789" if body + digit != number)


@given(bodies, st.integers(0, 10), st.integers(1, 9))
def test_one_wrong_digit_breaks_a_card_number(body, position, shift) -> None:
    """Luhn detects every single-digit error."""
    number = with_luhn_digit(body)
    wrong = str((int(number[position]) + shift) % 10)
    assert not luhn(number[:position] + wrong + number[position + 1 :])


@given(countries, accounts)
def test_an_account_number_passes_with_its_check_digits_only(country, body) -> None:
    """The computed check digits pass, and stay valid in lower case and in groups of four."""
    code = with_iban_check(country, body)
    grouped = " ".join(code[i : i + 4] for i in range(0, len(code), 4))
    assert iban(code)
    assert iban(grouped.lower())


@given(countries, accounts, st.integers(4, 14), st.integers(1, 9))
def test_one_wrong_digit_breaks_an_account_number(country, body, position, shift) -> None:
    """ISO 7064 MOD 97-10 detects every single-digit error."""
    code = with_iban_check(country, body)
    if code[position].isdigit():
        wrong = str((int(code[position]) + shift) % 10)
        assert not iban(code[:position] + wrong + code[position + 1 :])


@given(bodies, st.sampled_from(["My card: {}.", "{} is my number", "pay with {}, thanks"]))
def test_a_valid_card_is_found_in_a_sentence(body, sentence) -> None:
    """The recogniser finds what the checksum accepts, wherever it stands."""
    found = dict(zip(IDENTIFIERS, find_identifiers(sentence.format(with_luhn_digit(body))), strict=True))
    assert found["card"] == 1


@given(countries, accounts)
def test_a_valid_account_is_found_between_words(country, body) -> None:
    """Capitals that follow an account number do not hide it."""
    code = with_iban_check(country, body)
    found = dict(zip(IDENTIFIERS, find_identifiers(f"Send it to {code} TODAY"), strict=True))
    assert found["iban"] == 1


@given(st.text(max_size=400))
def test_any_text_can_be_searched(text) -> None:
    """The recognisers never raise and never count below zero."""
    assert all(count >= 0 for count in find_identifiers(text))


@given(st.text(" \n-.,:abZé@", max_size=30), certain, st.text(" \n-.,:abZé@", max_size=30))
def test_the_fast_search_finds_what_the_thorough_one_finds(before, identifier, after) -> None:
    """Whatever stands around a card, account number or address, both say alike whether there is one."""
    text = before + identifier + after
    counts = dict(zip(IDENTIFIERS, find_identifiers(text), strict=True))
    thorough = {name for name in ("card", "iban", "email") if counts[name]}
    found = first_certain(text)
    assert (found in thorough) if thorough else (found is None)
