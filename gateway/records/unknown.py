"""What a replay cannot know, with how many requests it concerns and what would tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.records.effects import MIN_MEASURED
from gateway.records.replay import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.records.replay import Compared, Replayed

    Priced = Callable[[str, Compared], float | None]

_LISTED: Final = 4
_DRAW: Final = "let an experiment draw it, or run a sample with --execute"


@dataclass(frozen=True, slots=True)
class Unknown:
    """One gap: how many requests, what is not known of them, and what would tell (empty when nothing would)."""

    requests: int
    what: str
    remedy: str = ""


def unknowns(
    replayed: Replayed, local: frozenset[str], constant: frozenset[str], priced: Priced
) -> list[Unknown]:
    """Every gap, those that concern most requests first.

    `local` names targets that are priced by measured time, `constant` those whose success is a fixed assumption.
    """
    rows = replayed.rows
    found = [Unknown(count, f"not decided again: {why}") for why, count in replayed.undecided.items()]
    found += _never_taken(rows)
    found += _too_few(rows)
    found += _unpriced(rows, local, priced)
    found += [_no_overlap(rows), _assumed(rows, constant), _ungraded(rows), _failed(rows)]
    if replayed.named:
        found.append(
            Unknown(
                replayed.named,
                "named a target or an alias of one: no rule sends them elsewhere, so an edit of rules does not show",
            )
        )
    return sorted((gap for gap in found if gap.requests), key=lambda gap: -gap.requests)


def _never_taken(rows: list[Compared]) -> list[Unknown]:
    """Routes of which no record shows an answer: not even their cost or time is guessed."""
    answered = {row.before for row in rows}
    gone = Counter(row.after for row in rows if row.rerouted and not row.known and row.after not in answered)
    return [
        Unknown(
            count,
            f"would go to `{target}`, which answered nothing in these records: no cost, time or grade",
            _DRAW,
        )
        for target, count in gone.items()
    ]


def _too_few(rows: list[Compared]) -> list[Unknown]:
    """Routes that were taken, but too rarely for this kind of request to predict its time."""
    answered = Counter((row.before, row.task) for row in rows)
    targets = {row.before for row in rows}
    thin: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.rerouted and row.after in targets and answered[row.after, row.task] < MIN_MEASURED:
            thin[row.after][row.task] += 1
    return [
        Unknown(
            tasks.total(),
            f"would go to `{target}`, which answered too few requests of their kind ({_listed(tasks)}) "
            "to tell how long it takes",
            _DRAW,
        )
        for target, tasks in thin.items()
    ]


def _listed(tasks: Counter[str]) -> str:
    """The most frequent tasks, and how many more there are."""
    names = [task for task, _ in tasks.most_common(_LISTED)]
    more = len(tasks) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _unpriced(rows: list[Compared], local: frozenset[str], priced: Priced) -> list[Unknown]:
    moved = [r for r in rows if r.rerouted and r.after not in local and r.after != NOBODY]
    without = Counter(
        row.after for row in moved if row.prompt_tokens is not None and priced(row.after, row) is None
    )
    return [
        Unknown(
            count,
            f"would go to `{target}`, whose price is not known",
            f"set `price:` of `{target}` in the policy",
        )
        for target, count in without.items()
    ]


def _no_overlap(rows: list[Compared]) -> Unknown:
    count = sum(row.rerouted and not row.known and not row.drawn for row in rows)
    return Unknown(
        count,
        "changed, and their old route was certain: no request like them is recorded on the new one, so time and "
        "quality rest on models alone",
        _DRAW,
    )


def _assumed(rows: list[Compared], constant: frozenset[str]) -> Unknown:
    names = {row.after for row in rows if row.rerouted and row.after in constant}
    count = sum(row.rerouted and row.after in constant for row in rows)
    listed = ", ".join(f"`{name}`" for name in sorted(names))
    return Unknown(
        count,
        f"would go to {listed}, whose success is a fixed assumption and no prediction: no quality is given",
        "`pointsman targets calibrate`, or `ability:` in the policy",
    )


def _ungraded(rows: list[Compared]) -> Unknown:
    count = sum(row.score != row.score for row in rows)
    return Unknown(count, "have no grade", "send `POST /v1/feedback`, or give --graded FILE")


def _failed(rows: list[Compared]) -> Unknown:
    count = sum(not row.ended_well for row in rows)
    return Unknown(
        count, "ended in an error or were abandoned: they are rerouted above, and in no figure of change"
    )
