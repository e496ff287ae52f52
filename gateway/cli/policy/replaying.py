"""A replay put together: policies, classifier and prices on one side, records on the other, a report in the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.cli.learn_report import plain
from gateway.cli.policy.reading import Deployment
from gateway.errors import StartupError
from gateway.records.effects import Effect, effects
from gateway.records.replay import Deciders, Replayed, replay
from gateway.records.unknown import Unknown, unknowns
from gateway.redecide import View
from gateway.telemetry.cost import Prices
from gateway.types import Usage
from policies.store import Loaded, Refused, load
from routers.graded import read_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gateway.records.reading import Stored
    from gateway.records.replay import Compared
    from gateway.settings import Settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay found."""

    new: str
    """Version of the edited policy."""
    old: str | None
    first_at: float
    last_at: float
    replayed: Replayed
    effects: tuple[Effect, ...]
    unknown: tuple[Unknown, ...]

    @property
    def read(self) -> int:
        """Records that were read."""
        return self.replayed.read

    def as_json(self) -> Json:
        """The report of JSON types only."""
        replayed = self.replayed
        found: Json = plain(
            {
                "new": self.new,
                "old": self.old,
                "from": self.first_at,
                "to": self.last_at,
                "records": replayed.read,
                "decided": len(replayed.rows),
                "rerouted": replayed.rerouted,
                "rerouted_share": replayed.rerouted / len(replayed.rows) if replayed.rows else None,
                "refused": replayed.refused,
                "by_rule": [
                    {"from": before, "to": after, "requests": count}
                    for before, after, count in replayed.by_rule()
                ],
                "by_target": [
                    {"from": before, "to": after, "requests": count, "known": known}
                    for before, after, count, known in replayed.by_target()
                ],
                "effects": [asdict(effect) for effect in self.effects],
                "unknown": [asdict(gap) for gap in self.unknown],
            }
        )
        return found


class Replay:
    """One run of `pointsman policy replay`."""

    def __init__(self, deployment: Deployment, new: Loaded, old: Loaded | None) -> None:
        self.settings: Settings = deployment.settings
        self.new = new
        self._old = old
        self._view = _view(deployment, new)
        self._old_view = _view(deployment, old) if old else None
        self._replayed = Replayed()

    @classmethod
    def prepare(cls, new: Path, old: Path | None) -> Replay:
        """Load the policies and the classifier; raises `StartupError` with the findings of both files."""
        deployment = Deployment.read()
        loaded = [load(path, deployment.labels) for path in (new, old) if path is not None]
        findings = [f for result in loaded if isinstance(result, Refused) for f in result.findings]
        if findings:
            raise StartupError(findings)
        sound = [result for result in loaded if isinstance(result, Loaded)]
        return cls(deployment, sound[0], sound[1] if old is not None else None)

    def run(self, records: Iterable[Stored], graded: Path | None) -> Report:
        """Decide every record again and work out what that changes. Raises `RecordsUnreadable`, `GradedFileError`."""
        scores = read_scores(graded) if graded is not None else {}
        experiments = [*self.new.policy.experiments, *(self._old.policy.experiments if self._old else ())]
        deciders = Deciders(
            new=self._view.decide,
            old=self._old_view.decide if self._old_view else None,
            sticky={experiment.id: experiment.sticky for experiment in experiments},
        )
        self._replayed = replayed = replay(_with_scores(records, scores), deciders)
        rows = replayed.rows
        targets = self.new.policy.targets
        local = frozenset(name for name, target in targets.items() if target.kind != "upstream")
        constant = frozenset(targets) - self._view.predicted
        return Report(
            self.new.version,
            self._old.version if self._old else None,
            min((row.at for row in rows), default=0.0),
            max((row.at for row in rows), default=0.0),
            replayed,
            tuple(effects(rows, self.price)),
            (*unknowns(replayed, local, constant, self.price), *self._limits(len(rows))),
        )

    def _limits(self, requests: int) -> Iterator[Unknown]:
        """What an edit of `limits` does to the shadow price, which is found by running only."""
        limits = self.new.policy.limits
        if limits is not None and requests and (self._old is None or self._old.policy.limits != limits):
            yield Unknown(
                requests,
                "were decided at the shadow price of money and time that was recorded, not at the one that the "
                "edit's `limits` would have led to",
                "a canary of the edit",
            )

    def price(self, target: str, row: Compared) -> float | None:
        """USD of an upstream for the tokens that a request used; None for any other target."""
        if row.prompt_tokens is None or row.completion_tokens is None:
            return None
        return self._view.prices.cost(target, Usage(row.prompt_tokens, row.completion_tokens), None)

    def changed(self) -> Iterator[Json]:
        """Every request that is rerouted."""
        for row in self._replayed.rows:
            if row.rerouted:
                kept: Json = plain(msgspec.to_builtins(row))
                del kept["rerouted"], kept["unit"]
                yield kept

    @property
    def rows(self) -> list[Compared]:
        """Every request that was decided again."""
        return self._replayed.rows


def _view(deployment: Deployment, loaded: Loaded) -> View:
    prices = Prices(loaded.policy, deployment.settings.local_usd_per_cpu_hour)
    return View.of(loaded.compiled, prices, deployment.classifier)


def _with_scores(records: Iterable[Stored], scores: dict[str, float]) -> Iterator[Stored]:
    for record in records:
        record.score = scores.get(record.request_id, record.score)
        yield record
