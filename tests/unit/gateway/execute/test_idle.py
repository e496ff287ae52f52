"""The limit between two pieces of a stream."""

from __future__ import annotations

import asyncio

from gateway.execute.idle import IdleLimit


async def test_silence_breaks_a_stream_off() -> None:
    """Once the limit has passed, and once only."""
    broken: list[int] = []
    IdleLimit(0.03, lambda: broken.append(1))
    await asyncio.sleep(0.1)
    assert broken == [1]


async def test_pieces_keep_it_going_and_a_slow_reader_does_not_break_it() -> None:
    """Time in which the reader has the piece does not count."""
    broken: list[int] = []
    idle = IdleLimit(0.05, lambda: broken.append(1))
    for _ in range(3):
        await asyncio.sleep(0.03)
        idle.pause()
        idle.resume()
    idle.pause()
    await asyncio.sleep(0.12)
    assert broken == []
    idle.resume()
    await asyncio.sleep(0.12)
    assert broken == [1]


async def test_a_stream_that_is_over_is_left_alone() -> None:
    """Its timer is gone."""
    broken: list[int] = []
    IdleLimit(0.01, lambda: broken.append(1)).stop()
    await asyncio.sleep(0.03)
    assert broken == []
