"""Token ids back to text: clients may send `cl100k_base`, the encoding of all of OpenAI's embedding models."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tiktoken

_VARIABLE = "TIKTOKEN_CACHE_DIR"


def decode_tokens(ids: Sequence[int]) -> str:
    """The text of `cl100k_base` tokens; raises `InvalidRequest`."""
    try:
        return _encoding().decode(list(ids))
    except (KeyError, OverflowError, ValueError):
        raise InvalidRequest(
            "`input` holds numbers that are no tokens of `cl100k_base`; send the text itself.", param="input"
        ) from None


@functools.cache
def _encoding() -> tiktoken.Encoding:
    """From the copy inside the installed litellm, so that nothing is fetched."""
    import tiktoken

    spec = importlib.util.find_spec("litellm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        os.environ.setdefault(_VARIABLE, str(Path(folder) / "litellm_core_utils" / "tokenizers"))
    return tiktoken.get_encoding("cl100k_base")
