"""Turns outcomes of two randomised arms into terms whose mean is the effect, whatever the traffic does.

A request gets the treatment with a known probability `p` (its logged propensity), so
`psi = (y - m) * (1/p if treated else -1/(1 - p))` has the mean `E[y | treatment] - E[y | control]` given the past,
for every constant `m` that was fixed before the request was assigned. Neither a daily cycle nor a drift of the
requests can bias it: the only randomness that is used is our own (design-based inference; inverse propensity
weighting centred as in augmented IPW). `m = (1 - p) * mean(treatment) + p * mean(control)` makes its variance that of
a plain difference of two means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_GROWTH = (
    1.05  # the centre is computed anew when there are 5 % more outcomes: blocks stay long, the centre close
)


@dataclass(frozen=True, slots=True)
class Block:
    """Some outcomes that share one centre."""

    outcome: Floats
    treated: Bools
    propensity: Floats
    centre: Floats
    """`m` of each outcome; depends on earlier outcomes and on its propensity only."""

    @property
    def psi(self) -> Floats:
        """Terms whose mean, given the past, is the effect of the treatment."""
        weight = np.where(self.treated, 1.0 / self.propensity, -1.0 / (1.0 - self.propensity))
        return (self.outcome - self.centre) * weight

    def at(self, index: NDArray[np.intp]) -> Block:
        """The outcomes at these places."""
        return Block(self.outcome[index], self.treated[index], self.propensity[index], self.centre[index])


class Centring:
    """Counts and sums of both arms so far, and the centre that follows from them."""

    def __init__(self) -> None:
        self.counts = np.zeros(2)
        """Outcomes of control and treatment."""
        self.sums = np.zeros(2)
        self._means = np.full(2, 0.5)
        self._next = 0.0

    def means(self) -> tuple[float | None, float | None]:
        """Mean outcome of control and treatment; None before the first one."""
        control, treatment = (
            float(s / n) if n else None for s, n in zip(self.sums, self.counts, strict=True)
        )
        return control, treatment

    def blocks(self, outcome: Floats, treated: Bools, propensity: Floats) -> Iterator[Block]:
        """The outcomes in order, in blocks whose centre was fixed by what came before the block."""
        start = 0
        while start < len(outcome):
            seen = float(self.counts.sum())
            if seen >= self._next:
                self._refresh()
                self._next = seen * _GROWTH + 1.0
            end = min(len(outcome), start + max(1, int(self._next - seen)))
            part = slice(start, end)
            p = propensity[part]
            yield Block(outcome[part], treated[part], p, (1.0 - p) * self._means[1] + p * self._means[0])
            self._count(outcome[part], treated[part])
            start = end

    def _refresh(self) -> None:
        """Means with half an outcome of prior; an arm without outcomes is taken for the other one."""
        control = (self.sums[0] + self._prior(1)) / (self.counts[0] + 1.0)
        treatment = (self.sums[1] + control) / (self.counts[1] + 1.0)
        self._means = np.array([control, treatment])

    def _prior(self, other: int) -> float:
        return float(self.sums[other] / self.counts[other]) if self.counts[other] else 0.5

    def _count(self, outcome: Floats, treated: Bools) -> None:
        treatments = np.count_nonzero(treated)
        self.counts += (len(treated) - treatments, treatments)
        of_treatment = float(outcome[treated].sum())
        self.sums += (float(outcome.sum()) - of_treatment, of_treatment)
