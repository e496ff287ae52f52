"""Reads trials and grades of all processes, each once and in the order of writing, and folds them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from gateway.experiments.comparison import Comparison
from gateway.records.ledger import PORTION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.experiments.definition import Definition
    from gateway.records.ledger import Ledger, Trial

_PATIENCE_S = 60.0  # PostgreSQL gives numbers before it commits: a missing one may come until then
_OVERLAP_S = 10.0  # grades carry the clock of the process that took them


class Reader:
    """Keeps a comparison for each running experiment up to date."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._start({}, after=0)

    def _start(self, definitions: Mapping[str, Definition], *, after: int) -> None:
        self._comparisons = {digest: Comparison(each) for digest, each in definitions.items()}
        self._after = after
        self._missing: dict[int, float] = {}
        self._graded_to = 0.0
        self._graded: set[int] = set()

    async def read(self, definitions: Mapping[str, Definition]) -> Mapping[str, Comparison]:
        """The comparison of each definition, by digest, after everything that has been written so far.

        When a definition is new everything is read again from its first trial. Raises `LedgerUnusable`.
        """
        if not set(definitions) <= set(self._comparisons):
            self._start(definitions, after=await self._ledger.first_trial(definitions))
        for ended in set(self._comparisons) - set(definitions):
            del self._comparisons[ended]
        if definitions:
            await self._trials()
            await self._grades()
        return self._comparisons

    async def _trials(self) -> None:
        while True:
            trials = await self._ledger.trials(self._after, self._missing)
            self._follow(trials)
            by_definition: dict[str, list[Trial]] = {}
            for trial in trials:
                by_definition.setdefault(trial.definition, []).append(trial)
            for digest, some in by_definition.items():
                if (comparison := self._comparisons.get(digest)) is not None:
                    await asyncio.to_thread(comparison.fold, some)
            if len(trials) < PORTION:
                return

    def _follow(self, trials: Sequence[Trial]) -> None:
        """Move on to the last number seen, remembering those that were left out on the way."""
        now = time.monotonic()
        for trial in trials:
            if trial.id <= self._after:
                self._missing.pop(trial.id, None)
                continue
            for absent in range(self._after + 1, min(trial.id, self._after + PORTION)):
                self._missing[absent] = now
            self._after = trial.id
        self._missing = {n: seen for n, seen in self._missing.items() if now - seen < _PATIENCE_S}

    async def _grades(self) -> None:
        since = max(0.0, self._graded_to - _OVERLAP_S)
        grades = [
            grade
            for grade in await self._ledger.grades(self._comparisons, since)
            if grade.trial.id not in self._graded
        ]
        for digest, comparison in self._comparisons.items():
            some = [grade for grade in grades if grade.trial.definition == digest]
            if some:
                await asyncio.to_thread(comparison.grade, some)
        self._graded |= {grade.trial.id for grade in grades}
        self._graded_to = max([self._graded_to, *(grade.at for grade in grades)])
