"""Reads a request once for everything that looks at it: its tokens and the features of its form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from routers.courtesy import without_courtesies
from routers.features import text_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routers.signals import RequestText
    from routers.tokenizer import Tokenizer, Tokens


def read(tokenizer: Tokenizer, text: RequestText) -> tuple[Tokens, NDArray[np.float32]]:
    """Tokens, and features as of `text_features`, of a request without its courtesies; bounded time."""
    core = without_courtesies(text.user)
    if core is not text.user:
        text = replace(text, user=core)
    tokens = tokenizer(text)
    return tokens, text_features(text, tokens)
