"""The names a classifier knows, told to `validate` by whoever holds the classifier."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of the heads and names of the ability vectors; an empty set is not checked against."""

    tasks: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    abilities: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
