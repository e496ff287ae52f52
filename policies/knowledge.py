"""What a deployment knows beyond the policy itself: its classifier's range and its prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.labels import Labels

if TYPE_CHECKING:
    from policies.model import Policy

CostOf = Callable[[int, int | None], Mapping[str, float]]
"""(Prompt tokens, limit of output tokens) -> expected USD for each target of known price."""


def _nothing_attainable(_: Policy) -> Mapping[str, tuple[float, float]]:
    return {}


def _nothing_priced(_: Policy) -> CostOf:
    return lambda tokens, limit: {}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Told to `review` by whoever holds the classifier and the prices; by default nothing is known."""

    labels: Labels = field(default_factory=Labels)
    attainable: Callable[[Policy], Mapping[str, tuple[float, float]]] = _nothing_attainable
    """Policy -> fact (`difficulty`, `success.TARGET` ...) -> the lowest and the highest value it can ever have."""
    costs: Callable[[Policy], CostOf] = _nothing_priced
    """Policy -> what a request costs at each of its targets."""
