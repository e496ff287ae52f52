"""The running evidence of one experiment, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from gateway.experiments.paired import PairedBetting, PairedMixture
from gateway.experiments.sequential import AsymptoticSequence, BettingSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gateway.experiments.definition import Definition
    from gateway.experiments.sequential import ConfidenceSequence
    from gateway.records.ledger import Grade, Trial

Pair = tuple[float | None, float | None]
"""A value of the answer, and of the shadow; None where one is not known."""
Verdict = Literal["running", "inferior", "over budget", "not inferior"]
CONTROL = "control"


class Measure(msgspec.Struct, frozen=True):
    """One measure of both arms. `low` to `high` holds treatment minus control at all times, or is not known yet."""

    name: str
    unit: str
    control_n: int
    treatment_n: int
    control: float | None
    treatment: float | None
    low: float | None
    high: float | None


class Evidence(msgspec.Struct, frozen=True):
    """What an experiment has shown so far."""

    requests: dict[str, int]
    """By arm, every request that ended."""
    failures: dict[str, int]
    """Of these, those that failed or needed a fallback because a target failed."""
    treated_usd: float
    """What requests cost that the experiment drew."""
    unpriced: int
    """Of these, answers whose price is not known."""
    measures: tuple[Measure, ...]
    verdict: Verdict
    reason: str

    @property
    def ends(self) -> bool:
        """Whether the experiment must stop."""
        return self.verdict in ("inferior", "over budget")


class _Kept:
    """A measure's sequence, and the units that have counted: requests that stay together are one draw, one outcome."""

    def __init__(self, name: str, unit: str, sequence: ConfidenceSequence) -> None:
        self.name, self.unit = name, unit
        self.sequence = sequence
        self._units: set[str] = set()

    def fold(self, trials: Iterable[Trial], value: Callable[[Trial], float | None]) -> None:
        rows = [
            (found, trial.arm != CONTROL, trial.propensity)
            for trial in trials
            if 0.0 < trial.propensity < 1.0 and (found := value(trial)) is not None and self._counts(trial)
        ]
        if rows:
            outcome, treated, propensity = (np.array(column) for column in zip(*rows, strict=True))
            self.sequence.fold(outcome.astype(np.float64), treated.astype(bool), propensity)

    def measure(self, confidence: float) -> Measure:
        interval = self.sequence.interval(confidence)
        control, treatment = self.sequence.arms.means()
        n0, n1 = (int(n) for n in self.sequence.arms.counts)
        low, high = (interval.low, interval.high) if interval else (None, None)
        return Measure(self.name, self.unit, n0, n1, control, treatment, low, high)

    def _counts(self, trial: Trial) -> bool:
        if trial.unit is None:
            return True
        if trial.unit in self._units:
            return False
        self._units.add(trial.unit)
        return True


class _Paired:
    """A measure of pairs: what a shadow took beside what the answer took that the client got."""

    def __init__(self, name: str, unit: str, sequence: PairedBetting | PairedMixture) -> None:
        self.name, self.unit = name, unit
        self.sequence = sequence

    def fold(self, trials: Iterable[Trial], pair: Callable[[Trial], Pair]) -> None:
        rows = [(a, b) for a, b in map(pair, trials) if a is not None and b is not None]
        if rows:
            control, treatment = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
            self.sequence.fold(control, treatment)

    def measure(self, confidence: float) -> Measure:
        interval, count = self.sequence.interval(confidence), self.sequence.pairs.count
        control, treatment = self.sequence.pairs.means()
        low, high = (interval.low, interval.high) if interval else (None, None)
        return Measure(self.name, self.unit, count, count, control, treatment, low, high)


class _Shadowed:
    """The measures of a shadow. It agrees with the answer, or it does not: the answer agrees with itself."""

    def __init__(self) -> None:
        self._agreement = _Paired("agreement", "share", PairedBetting())
        self._errors = _Paired("errors", "share", PairedBetting())
        self._cost = _Paired("cost", "USD", PairedMixture())
        self._latency = _Paired("latency", "ms", PairedMixture())

    def fold(self, trials: Sequence[Trial]) -> None:
        """Take in pairs; a call without an answer took no time and no money that could be compared."""
        done = [trial for trial in trials if trial.agrees is not None]
        self._errors.fold(trials, lambda trial: (0.0, float(trial.failed)))
        self._agreement.fold(done, lambda trial: (1.0, trial.agrees))
        self._cost.fold(done, lambda trial: (trial.control_usd, trial.cost_usd))
        self._latency.fold(done, lambda trial: (trial.control_ms, trial.latency_ms))

    def measures(self, confidence: float) -> tuple[Measure, ...]:
        """What they show."""
        kept = (self._agreement, self._errors, self._cost, self._latency)
        return tuple(each.measure(confidence) for each in kept)


class Comparison:
    """Folds trials and grades of one definition, in the order in which they were written."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        margin = definition.inferior_by
        margins = () if margin is None else (margin, -margin)
        self._requests: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._treated_usd, self._unpriced = 0.0, 0
        self._quality = _Kept("quality", "score", BettingSequence(margins))
        self._errors = _Kept("errors", "share", BettingSequence(margins))
        self._cost = _Kept("cost", "USD", AsymptoticSequence())
        self._latency = _Kept("latency", "ms", AsymptoticSequence())
        self._shadowed = _Shadowed() if definition.pairs else None

    def fold(self, trials: Sequence[Trial]) -> None:
        """Take in requests that have ended."""
        for trial in trials:
            self._requests[trial.arm] = self._requests.get(trial.arm, 0) + 1
            self._failures[trial.arm] = self._failures.get(trial.arm, 0) + trial.failed
            if trial.arm != CONTROL:
                self._treated_usd += trial.cost_usd or 0.0
                self._unpriced += trial.cost_usd is None and not trial.failed
        if self._shadowed is not None:
            self._shadowed.fold(trials)
        if self._definition.compares:
            self._errors.fold(trials, lambda trial: float(trial.failed))
            self._cost.fold(trials, lambda trial: trial.cost_usd)
            self._latency.fold(trials, lambda trial: trial.latency_ms)

    def grade(self, grades: Sequence[Grade]) -> None:
        """Take in scores of answers, in 0-1; give each trial once."""
        scores = {grade.trial.id: grade.score for grade in grades}
        if self._definition.compares:
            self._quality.fold((grade.trial for grade in grades), lambda trial: scores[trial.id])

    def evidence(self) -> Evidence:
        """What all of it shows now."""
        measures: tuple[Measure, ...] = ()
        if self._definition.compares:
            kept = (self._quality, self._errors, self._cost, self._latency)
            measures = tuple(each.measure(self._definition.confidence) for each in kept)
        elif self._shadowed is not None:
            measures = self._shadowed.measures(self._definition.confidence)
        verdict, reason = self._verdict(measures)
        return Evidence(
            requests=dict(self._requests),
            failures=dict(self._failures),
            treated_usd=self._treated_usd,
            unpriced=self._unpriced,
            measures=measures,
            verdict=verdict,
            reason=reason,
        )

    def _verdict(self, measures: tuple[Measure, ...]) -> tuple[Verdict, str]:
        cap, margin = self._definition.max_usd, self._definition.inferior_by
        if cap is not None and self._treated_usd >= cap:
            return "over budget", f"it has spent ${self._treated_usd:.4g} of ${cap:.4g}"
        if margin is None or not measures:
            return "running", self._without_margin()
        return judge(measures[0], measures[1], margin, self._definition.confidence)

    def _without_margin(self) -> str:
        if self._definition.compares:
            return "no `stop_if`"
        return (
            "compared pair by pair; a shadow ends by its money alone"
            if self._shadowed
            else "nothing to compare"
        )


def judge(quality: Measure, errors: Measure, margin: float, confidence: float) -> tuple[Verdict, str]:
    """What the intervals say about a margin.

    Either of two ends can stop it, each wrong with probability (1 - confidence)/2 at most, so that a treatment which
    is not worse by more than the margin is ever stopped with probability 1 - confidence at most.
    """
    sure = f"{100 * confidence:g} % sure"
    if quality.high is not None and quality.high <= -margin:
        return (
            "inferior",
            f"quality is lower by more than {margin:g}, {sure}: {quality.low:+.3f} to {quality.high:+.3f}",
        )
    if errors.low is not None and errors.high is not None and errors.low >= margin:
        return (
            "inferior",
            f"errors are more by over {margin:g}, {sure}: {errors.low:+.3f} to {errors.high:+.3f}",
        )
    if quality.low is None or errors.high is None:
        return (
            "running",
            "no grades of both arms yet" if quality.low is None else "no requests of both arms yet",
        )
    if quality.low >= -margin and errors.high <= margin:
        return "not inferior", f"neither quality nor errors are worse by more than {margin:g}, {sure}"
    return "running", "the intervals still hold both: worse by more than the margin, and not"
