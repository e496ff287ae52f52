"""Changes of single values, in words and as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from policies.findings import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

Effect = Literal["narrower", "wider", "different", "none"]
Path = tuple[str | int, ...]
_BOUNDS = ("at_least", "above", "at_most", "below")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an edit changes."""

    kind: str
    """E.g. `rule-added`, `condition`, `plan`, `target-repriced`."""
    subject: str
    """Id of the rule or experiment, name of the target, or key of the policy."""
    path: Path
    """Where in the policy, e.g. `("rules", "hard", "when", "difficulty", "at_least")`."""
    message: str
    before: Any = None
    after: Any = None
    effect: Effect | None = None
    """Of a condition: whether it lets fewer requests in, more, or others; of a move: `none` if nothing changes."""
    routes: bool = True
    """Whether some request may be answered otherwise."""


def field_changes(
    kind: str,
    subject: str,
    path: Path,
    before: Any,  # noqa: ANN401 (plain data)
    after: Any,  # noqa: ANN401
    *,
    about: str,
    routes: bool = True,
) -> Iterator[Change]:
    """Every value that differs between two pieces of plain data, one change each; `about` begins its words."""
    for where, old, new in _leaves((), before, after):
        message = f"{about}{_words(where if about else (*path, *where), old, new)}"
        yield Change(kind, subject, (*path, *where), message, _plain(old), _plain(new), routes=routes)


def _leaves(path: Path, before: Any, after: Any) -> Iterator[tuple[Path, Any, Any]]:  # noqa: ANN401
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _leaves((*path, key), before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
        and _mappings(before + after)
    ):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _leaves((*path, index), old, new)
    else:
        yield path, before, after


def _alike(before: object, after: object) -> bool:
    """Whether two lists can be compared entry by entry."""
    if not isinstance(before, list) or not isinstance(after, list):
        return False
    return len(before) == len(after) and _mappings(before + after)


def _mappings(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _plain(value: object) -> object:
    return None if value is _ABSENT else value


def _words(path: Path, old: Any, new: Any) -> str:  # noqa: ANN401
    name = _place(path)
    if isinstance(old, list) and isinstance(new, list) and not _mappings(old + new):
        return f"{name} {_list_words(old, new)}"
    if old in (_ABSENT, None):
        return f"{name} {_shown(new)} added"
    if new in (_ABSENT, None):
        return f"{name} {_shown(old)} removed"
    return f"{name} {_shown(old)} → {_shown(new)}"


def _list_words(old: list[Any], new: list[Any]) -> str:
    gone, come = [v for v in old if v not in new], [v for v in new if v not in old]
    if not gone and not come:
        return f"{_shown(old)} → {_shown(new)}, reordered"
    said = [f"adds {', '.join(map(quote, come))}"] if come else []
    said += [f"drops {', '.join(map(quote, gone))}"] if gone else []
    return f"{' and '.join(said)}: now {_shown(new)}"


def _place(path: Path) -> str:
    """A path as people say it: `difficulty at least`, `any 2 tools`, `steps`."""
    words = [str(part + 1) if isinstance(part, int) else part for part in path]
    if words and words[-1] in _BOUNDS:
        return f"{quote('.'.join(words[:-1]))} {words[-1].replace('_', ' ')}"
    return quote(".".join(words)) if words else "all of it"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return quote(", ".join(f"{key}: {_inner(inner)}" for key, inner in value.items()))
    return quote(_inner(value)) if isinstance(value, list) else quote(value)


def _inner(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_inner, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inner(inner)}" for key, inner in value.items()) + "}"
    return "true" if value is True else "false" if value is False else str(value)
