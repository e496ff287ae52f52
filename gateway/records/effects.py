"""What rerouting would have changed in money, time and quality: figures with intervals, or why there are none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from gateway.records.estimate import Estimate, Sample, Sums
from gateway.records.replay import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.records.estimate import Floats, Ints
    from gateway.records.replay import Compared

    Priced = Callable[[str, Compared], float | None]
    """USD of a target for the tokens that a request used; None for targets that are not priced by tokens."""

Metric = Literal["cost_usd", "total_ms", "score", "success"]

MIN_EFFECTIVE: Final = 100
"""Fewer effective samples than this give no importance-weighted figure: its interval would not hold what it says."""
MIN_CHANGED: Final = 30
"""Fewer changed requests than this give no interval."""
MIN_MEASURED: Final = 30
"""Fewer answers than this of a target on a task give no mean to predict others by."""
_SEED: Final = 20_261_124


@dataclass(frozen=True, slots=True)
class Effect:
    """The change of one metric, as a mean over the requests it is known for."""

    metric: Metric
    rows: int
    """Requests with an outcome, or, for `success`, with a prediction."""
    changed: int
    """Of them, those whose route changes."""
    unknown: int
    """Of the changed ones, those without any number: they are in no figure."""
    modelled: int
    """Of the changed ones, those that rest on the model alone, because nobody could have taken their new route."""
    before: Estimate | None = None
    change: Estimate | None = None
    """Doubly robust; 0 where the route stays, measured where it was drawn, predicted elsewhere."""
    drawn: int = 0
    effective: float = 0.0
    overlap: Estimate | None = None
    ips: Estimate | None = None
    snips: Estimate | None = None
    refusals: tuple[str, ...] = ()
    """In whole sentences, why a figure is missing."""


def effects(rows: Sequence[Compared], priced: Priced) -> list[Effect]:
    """Every effect of a replay; requests that ended in an error, or would get no answer, are left out."""
    rows = [row for row in rows if row.ended_well and row.after != NOBODY]
    found = [_cost(rows, priced), _latency(rows)]
    if any(row.score == row.score for row in rows):
        found.append(_graded(rows))
    return [*found, _predicted(rows)]


def _cost(rows: Sequence[Compared], priced: Priced) -> Effect:
    """Priced at the tokens that the request used, for targets that have answered; local ones at their measured mean."""
    outcome = np.array([row.cost_usd for row in rows])
    answered = Counter(row.before for row in rows)
    model = np.full(len(rows), np.nan)
    for index, row in enumerate(rows):
        if row.drawn:
            continue  # tokens that were used are no prediction: they depend on which route was drawn
        if not row.rerouted:
            model[index] = row.cost_usd
        elif answered[row.after] >= MIN_MEASURED and (price := priced(row.after, row)) is not None:
            model[index] = price
    return _effect("cost_usd", rows, outcome, model, *_cells(rows, outcome, np.isfinite(model)))


def _latency(rows: Sequence[Compared]) -> Effect:
    """Measured means of target and task; exactly known where the new plan only leaves out calls that were made."""
    outcome = np.array([row.total_ms for row in rows])
    stays = [not (row.rerouted or row.drawn) for row in rows]
    model = np.array([r.total_ms - r.spared_ms if s else np.nan for r, s in zip(rows, stays, strict=True)])
    return _effect("total_ms", rows, outcome, model, *_cells(rows, outcome, np.isfinite(model)))


def _graded(rows: Sequence[Compared]) -> Effect:
    outcome = np.array([row.score for row in rows])
    model = np.array([row.success_after if row.rerouted or row.drawn else row.score for row in rows])
    none = np.full(len(rows), -1)
    return _effect("score", rows, outcome, model, none, none)


def _predicted(rows: Sequence[Compared]) -> Effect:
    """The classifier's own expectation on both sides: no answer was looked at."""
    outcome = np.array([row.success_before for row in rows])
    model = np.array([row.success_after for row in rows])
    none = np.full(len(rows), -1)
    return _effect("success", rows, outcome, np.where([row.rerouted for row in rows], model, outcome), none, none,
                   measured=False)  # fmt: skip


def _cells(rows: Sequence[Compared], outcome: Floats, done: np.ndarray) -> tuple[Ints, Ints]:
    """The mean that predicts each changed row, and the mean its own outcome is part of; -1 for none.

    A mean is over the answers of one target to one task, or to all tasks too rare for a mean of their own.
    """
    answered = Counter(
        (row.before, row.task) for row, value in zip(rows, outcome, strict=True) if np.isfinite(value)
    )
    own = [(r.before, r.task if answered[r.before, r.task] >= MIN_MEASURED else "") for r in rows]
    size = Counter(key for key, value in zip(own, outcome, strict=True) if np.isfinite(value))
    cells = {key: index for index, key in enumerate(k for k, count in size.items() if count >= MIN_MEASURED)}
    wanted = [cells.get((r.after, r.task), cells.get((r.after, ""), -1)) for r in rows]
    return np.where(done, -1, np.array(wanted, dtype=np.int64)), np.array([cells.get(k, -1) for k in own])


def _effect(
    metric: Metric,
    rows: Sequence[Compared],
    outcome: Floats,
    model: Floats,
    cell: Ints,
    own_cell: Ints,
    *,
    measured: bool = True,
) -> Effect:
    rerouted = np.array([row.rerouted for row in rows], dtype=bool)
    drawn = np.array([row.drawn for row in rows], dtype=bool) & measured
    weight = np.array([row.weight for row in rows]) if measured else (~rerouted).astype(float)
    # A route that stays and costs less time is exactly known: its prediction replaces its outcome.
    weight = np.where(~rerouted & ~drawn & np.isfinite(model) & (model != outcome), 0.0, weight)
    has = np.isfinite(outcome)
    told = has & (np.isfinite(model) | (cell >= 0) | (weight == 1))
    sample = Sample(outcome, weight, drawn, np.nan_to_num(model), cell, own_cell, _units(rows))
    changed = has & rerouted
    modelled = int((changed & told & ~drawn).sum())
    effect = Effect(metric, int(has.sum()), int(changed.sum()), int((changed & ~told).sum()), modelled)
    refusals: list[str] = []
    found: dict[str, Estimate | None] = {}
    if not has.any():
        return _with(effect, found, [f"No request has {_NAMES[metric]}."])
    found |= _headline(sample.where(told), effect, refusals)
    if (drawn & has).any():
        return _weighted(sample.where(has), effect, found, refusals)
    if measured and effect.changed:
        refusals.append(
            "No route was drawn at random, so none of the changed requests has been measured on its new one."
        )
    return _with(effect, found, refusals)


def _headline(sample: Sample, effect: Effect, refusals: list[str]) -> dict[str, Estimate | None]:
    if not len(sample.outcome):
        return {}
    sums = Sums(sample, seed=_SEED)
    found: dict[str, Estimate | None] = {"before": sums.estimate(sums.mean)}
    known = effect.changed - effect.unknown
    if effect.changed and not known:
        refusals.append("None of the changed requests has a number for its new route.")
    elif 0 < known < MIN_CHANGED:
        refusals.append(
            f"Only {known} changed requests have a number, fewer than {MIN_CHANGED}: no interval would hold."
        )
    else:
        found["change"] = sums.estimate(sums.dr)
    return found


def _weighted(
    sample: Sample, effect: Effect, found: dict[str, Estimate | None], refusals: list[str]
) -> Effect:
    """The importance-weighted figures, if the draws are worth enough."""
    sums = Sums(sample, seed=_SEED)
    units = len(np.unique(sample.unit[sample.drawn & (sample.weight > 0)]))
    effective = min(sums.effective, float(units))
    found["overlap"] = sums.estimate(sums.overlap)
    if effective < MIN_EFFECTIVE:
        refusals.append(
            f"The draws of experiments are worth {effective:.0f} samples, fewer than {MIN_EFFECTIVE}: no "
            "importance-weighted figure is given."
        )
    else:
        found |= {"ips": sums.estimate(sums.ips), "snips": sums.estimate(sums.snips)}
    return _with(effect, found, refusals, drawn=sums.drawn, effective=effective)


def _with(
    effect: Effect,
    found: dict[str, Estimate | None],
    refusals: list[str],
    *,
    drawn: int = 0,
    effective: float = 0.0,
) -> Effect:
    return Effect(
        effect.metric, effect.rows, effect.changed, effect.unknown, effect.modelled,
        drawn=drawn, effective=effective, refusals=tuple(refusals), **found,
    )  # fmt: skip


def _units(rows: Sequence[Compared]) -> Ints:
    index: dict[str, int] = {}
    return np.array([index.setdefault(row.unit, len(index)) for row in rows], dtype=np.int64)


_NAMES: Final[dict[Metric, str]] = {
    "cost_usd": "a known cost",
    "total_ms": "a known time",
    "score": "a grade",
    "success": "a prediction",
}
