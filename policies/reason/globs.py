"""Whether some text matches several globs at once: a search through their product automaton."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from policies.patterns import glob_matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from policies.reason.budget import Budget

STAR = "*"


def is_literal(glob: str) -> bool:
    """Whether the glob matches itself and nothing else."""
    return all(len(part) == 1 and part not in "*?" for part in glob_parts(glob))


@lru_cache(maxsize=4096)
def glob_parts(glob: str) -> tuple[str, ...]:
    """`*`, `?`, bracket expressions and single characters, cut as `fnmatch` cuts them."""
    parts: list[str] = []
    position = 0
    while position < len(glob):
        end = _bracket_end(glob, position) if glob[position] == "[" else position + 1
        part = glob[position:end]
        if part != STAR or not parts or parts[-1] != STAR:
            parts.append(part)
        position = end
    return tuple(parts)


def matches(globs: tuple[str, ...], text: str) -> bool:
    """Whether one of `globs` matches the whole text."""
    return _matcher(globs)(text)


def common_text(must: tuple[tuple[str, ...], ...], must_not: tuple[str, ...], budget: Budget) -> str | None:
    """A shortest text that matches one glob of every group of `must` and none of `must_not`; None if none does."""
    product = _Product.of(must, must_not)
    budget.spend(product.size // 4)
    seen, queue = {product.start}, deque([(product.start, "")])
    while queue:
        state, text = queue.popleft()
        if product.accepts(state):
            return text
        budget.spend(1 + len(product.steps))
        for takers, character in product.steps.items():
            following = product.after(state, takers)
            if following not in seen and not product.is_dead(following):
                seen.add(following)
                queue.append((following, text + character))
    return None


@dataclass(slots=True)
class _Product:
    """The states of all globs side by side in the bits of one integer.

    A glob of n parts has n + 1 bits; bit p is set when the text so far matches its first p parts.
    """

    start: int
    stars: int
    """Bits before a star: they stay set, whatever comes."""
    steps: dict[int, str]
    """The bits before parts that take a character -> one such character."""
    wanted: list[tuple[int, int]]
    """Of each group: the bits where one of its globs is complete, and all of its bits."""
    unwanted: int
    size: int = 0
    """Number of bits."""

    @classmethod
    def of(cls, must: tuple[tuple[str, ...], ...], must_not: tuple[str, ...]) -> _Product:
        globs = [glob for group in must for glob in group] + list(must_not)
        product = cls(0, 0, {}, [], 0)
        offset = 0
        for group in must:
            ends, begin = 0, offset
            for glob in group:
                product.start |= 1 << offset
                offset += len(glob_parts(glob)) + 1
                ends |= 1 << (offset - 1)
            product.wanted.append((ends, (1 << offset) - (1 << begin)))
        for glob in must_not:
            product.start |= 1 << offset
            offset += len(glob_parts(glob)) + 1
            product.unwanted |= 1 << (offset - 1)
        product._lay_out(globs)
        return product

    def _lay_out(self, globs: list[str]) -> None:
        takers: dict[str, int] = {}
        offset = 0
        for glob in globs:
            for position, part in enumerate(glob_parts(glob), offset):
                takers[part] = takers.get(part, 0) | 1 << position
            offset += len(glob_parts(glob)) + 1
        self.stars = takers.pop(STAR, 0)
        self.start = self._closed(self.start)
        self.size = offset
        for character in _alphabet(takers):
            bits = sum(positions for part, positions in takers.items() if _takes(part, character))
            self.steps.setdefault(bits, character)

    def _closed(self, state: int) -> int:
        """A star also matches nothing; two stars never stand side by side."""
        return state | (state & self.stars) << 1

    def after(self, state: int, takers: int) -> int:
        return self._closed((state & takers) << 1 | state & self.stars)

    def accepts(self, state: int) -> bool:
        return not state & self.unwanted and all(state & ends for ends, _ in self.wanted)

    def is_dead(self, state: int) -> bool:
        return any(not state & bits for _, bits in self.wanted)


def _bracket_end(glob: str, start: int) -> int:
    """Where the bracket expression at `start` ends; without a closing bracket, `[` is a character."""
    end = start + 1
    if glob[end : end + 1] == "!":
        end += 1
    if glob[end : end + 1] == "]":
        end += 1
    closing = glob.find("]", end)
    return closing + 1 if closing >= 0 else start + 1


def _alphabet(parts: Iterable[str]) -> Iterator[str]:
    """One character at least of every set of characters that the parts treat alike.

    Ranges in brackets end at characters that are mentioned, so all characters between two neighbouring ones
    that are mentioned are alike.
    """
    mentioned = sorted({ord(character) for part in parts for character in part})
    for point, following in pairwise((-1, *mentioned, 0x110000)):
        if point >= 0:
            yield chr(point)
        if following - point > 1:
            yield chr(point + 1)


def _takes(part: str, character: str) -> bool:
    if len(part) > 1:
        return matches((part,), character)
    return part in ("?", character)


@lru_cache(maxsize=4096)
def _matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    return glob_matcher(globs)
