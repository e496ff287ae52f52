"""Puts the values of `variables` where `$name` stands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from policies.findings import Finding, did_you_mean, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.document import Document, Loc

_REFERENCE = re.compile(r"\$[a-zA-Z][a-zA-Z0-9_-]{0,63}")
_LITERAL = re.compile(r"\$\$[a-zA-Z][a-zA-Z0-9_-]{0,63}")
_UNTOUCHED = frozenset({"version", "include", "variables", "tests"})


def substitute(document: Document, source: str) -> tuple[Document, list[Finding]]:
    """The document with every `$name` that is a whole value replaced, and findings about names.

    The value takes the place of the reference as it is, so that it is checked as what stands there. `$$name` stands
    for the text `$name`. Keys, and what stands in `tests`, are left alone. A name that is not known is an error and
    stays; a variable that nothing refers to is a warning.
    """
    data = document.data
    if not isinstance(data, dict):
        return document, []
    given = data.get("variables")
    variables = given if isinstance(given, dict) else {}
    found = _Substitution(variables)
    whole = {key: value if key in _UNTOUCHED else found.walk(value, (key,)) for key, value in data.items()}
    problems = [
        Finding(
            "error",
            document.origin(loc) or source,
            *document.place(loc),
            f"unknown variable {quote('$' + name)}{_near(name, variables)}",
        )
        for loc, name in found.unknown
    ]
    unused = variables.keys() - found.used.values()
    for name in filter(lambda name: _REFERENCE.fullmatch(f"${name}"), unused):
        loc: Loc = ("variables", name)
        words = f"variable {quote(name)} is never used"
        path = document.origin(loc) or source
        problems.append(Finding("warning", path, *document.place(loc, key=True), words))
    return replace(document, data=whole, variables=found.used), problems


class _Substitution:
    """Walks plain data and remembers where variables stood."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables
        self.used: dict[Loc, str] = {}
        self.unknown: list[tuple[Loc, str]] = []

    def walk(self, value: Any, loc: Loc) -> Any:  # noqa: ANN401 plain data of any shape
        """`value` with its references replaced; depth is bounded by the reader of documents."""
        if isinstance(value, dict):
            return {key: self.walk(entry, (*loc, key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.walk(entry, (*loc, index)) for index, entry in enumerate(value)]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        if _LITERAL.fullmatch(value):
            return value[1:]
        if not _REFERENCE.fullmatch(value):
            return value
        name = value[1:]
        if name not in self._variables:
            self.unknown.append((loc, name))
            return value
        self.used[loc] = name
        return self._variables[name]


def _near(name: str, variables: Mapping[str, Any]) -> str:
    if not variables:
        return "; the policy has no `variables`"
    return did_you_mean("$" + name, [f"${known}" for known in variables])
