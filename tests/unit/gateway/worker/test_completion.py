"""Rendering answers: the streamed and the whole form say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.worker.completion import Completion
from routers.specialists.language import Piece, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

TEXTS = st.lists(st.lists(st.text(max_size=5), max_size=6), min_size=1, max_size=3)


async def stream(pieces: Sequence[Piece]) -> AsyncIterator[Piece]:
    """The pieces one after another."""
    for piece in pieces:
        yield piece


async def chunks_of(pieces: Sequence[Piece], *, include_usage: bool) -> list[dict[str, Any]]:
    """All chunks of an answer."""
    return [chunk async for chunk in Completion("m").chunks(stream(pieces), include_usage=include_usage)]


def pieces_of(texts: list[list[str]]) -> list[Piece]:
    """An answer with one choice for each list of texts."""
    found = [Piece(text, index=index) for index, parts in enumerate(texts) for text in parts]
    found += [Piece(finish_reason="stop", index=index) for index in range(len(texts))]
    return [*found, Piece(usage=Usage(5, 7))]


@given(TEXTS)
async def test_folding_the_chunks_gives_the_whole_answer(texts: list[list[str]]) -> None:
    """Joined deltas, finish reasons and usage of a stream equal those of the whole answer."""
    pieces = pieces_of(texts)
    whole = await Completion("m").whole(stream(pieces))
    chunks = await chunks_of(pieces, include_usage=True)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for choice in whole["choices"]:
        mine = [part for part in choices if part["index"] == choice["index"]]
        assert "".join(part["delta"].get("content", "") for part in mine) == choice["message"]["content"]
        assert [part["finish_reason"] for part in mine][-1] == choice["finish_reason"]
        assert [part["delta"].get("role") for part in mine] == ["assistant"] + [None] * (len(mine) - 1)
    assert chunks[-1]["usage"] == whole["usage"]


@pytest.mark.parametrize("include_usage", [True, False])
async def test_usage_is_streamed_only_when_asked_for(include_usage: bool) -> None:
    """With `include_usage` each chunk has the field and only the last, without choices, fills it."""
    chunks = await chunks_of(pieces_of([["a"]]), include_usage=include_usage)
    if include_usage:
        assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    else:
        assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


async def test_all_chunks_carry_the_same_identity() -> None:
    """Id, time and model of every chunk are those of the answer."""
    chunks = await chunks_of(pieces_of([["a", "b"]]), include_usage=False)
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
