"""Which values each fact can take, by its definition and by what the classifier can say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from policies.reason.formula import FLAGS, UNKNOWN
from policies.reason.sets import ANY_FLAG, ANY_TEXT, Numbers, Texts, between

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from policies.labels import Labels
    from policies.reason.sets import Values

PROBABILITIES = frozenset({"difficulty", "task_confidence", "domain_confidence", "pii", "injection"})
_COUNT = Numbers((((0.0, 0), (float("inf"), 1)),))
_FIXED: Mapping[str, Values] = {
    "tokens": _COUNT,
    "max_output_tokens": Numbers(_COUNT.spans, absent=True),
    "time": Numbers((((0.0, 0), (24.0, 0)),)),
    **dict.fromkeys(FLAGS, ANY_FLAG),
    **dict.fromkeys(PROBABILITIES, between(0.0, 1.0)),
}


def domain(labels: Labels, attainable: Mapping[str, tuple[float, float]]) -> Callable[[str], Values]:
    """Fact -> its possible values. `attainable` narrows facts to the lowest and highest value ever given."""
    known = dict(_FIXED)
    for name, values in (("task", labels.tasks), ("domain", labels.domains), ("language", labels.languages)):
        if values:
            known[name] = Texts(values)
    for name, (low, high) in attainable.items():
        known[name] = between(low, high)
    return partial(_possible, known)


def defined(fact: str) -> Values:
    """The values of a fact by its definition alone."""
    return _possible(_FIXED, fact)


def _possible(known: Mapping[str, Values], fact: str) -> Values:
    if (found := known.get(fact)) is not None:
        return found
    if fact.startswith("success."):
        return between(0.0, 1.0, absent=True)
    return ANY_FLAG if fact.startswith(("modalities.", UNKNOWN)) else ANY_TEXT
