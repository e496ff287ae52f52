"""Telling English from other languages by its small words."""

from __future__ import annotations

import pytest

from routers.specialists.english import looks_english


@pytest.mark.parametrize(
    "text",
    [
        "The plot drags and the jokes are stale.",
        "Superb!",
        "Les Misérables is a musical that moved me to tears.",
        "I watched El Mariachi and Il Postino on one evening: both fine.",
        "naïve, clichéd, overlong",
    ],
)
def test_english_passes(text: str) -> None:
    """English passes, with foreign titles and accents too, and so does a text too short to tell."""
    assert looks_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ce film est une merveille, les acteurs sont parfaits.",
        "Der Film ist nicht gut und die Handlung ist langweilig.",
        "O filme não é bom, mas a trilha é muito boa.",
        "这部电影很好看",
        "Фильм очень скучный",
    ],
)
def test_other_languages_do_not(text: str) -> None:
    """Sentences of other languages are noticed by their small words or their script."""
    assert not looks_english(text)
