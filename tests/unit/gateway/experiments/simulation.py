"""Experiments with a known effect, looked at after every request: how often they stop, rightly and wrongly.

`python -m tests.unit.gateway.experiments.simulation` prints the table of the lab notebook (about ten minutes).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gateway.experiments.centring import Centring
from gateway.experiments.sequential import AsymptoticSequence, log_payoffs

if TYPE_CHECKING:
    from gateway.experiments.centring import Bools, Floats

MARGIN = 0.02
CONFIDENCE = 0.95
WORLDS = ((0.0, 0.0), (-0.02, 0.0), (-0.02, 0.08), (-0.05, 0.0), (-0.1, 0.0), (-0.2, 0.0), (-0.4, 0.0))
"""Effect and daily swing."""
EVERY = 25
"""Requests between two looks at an asymptotic interval, which has no path to be read off at once."""


@dataclass(frozen=True)
class World:
    """Requests of an experiment. Quality swings by `swing` with the time of day, in both arms."""

    requests: int
    share: float
    effect: float
    quality: float = 0.9
    swing: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Bools, Floats]:
        """Outcomes (0 or 1), whether treated, and the propensity of the treatment."""
        treated = rng.random(self.requests) < self.share
        phase = np.linspace(0.0, 6 * np.pi, self.requests)
        mean = self.quality + self.swing * np.sin(phase) + self.effect * treated
        outcome = (rng.random(self.requests) < mean).astype(float)
        return outcome, treated, np.full(self.requests, self.share)


def stops(world: World, rng: np.random.Generator) -> int | None:
    """Treated requests until the sequence has shown the treatment to be worse by more than the margin."""
    outcome, treated, propensity = world.draw(rng)
    evidence = _path(outcome, treated, propensity, -MARGIN)
    return _first(evidence >= math.log(2 / (1 - CONFIDENCE)), treated)


def stops_fixed(world: World, rng: np.random.Generator) -> int | None:
    """The same for the z-test of a fixed sample, looked at after every request as well."""
    outcome, treated, _ = world.draw(rng)
    n1, n0 = np.cumsum(treated), np.cumsum(~treated)
    with np.errstate(divide="ignore", invalid="ignore"):
        m1, m0 = np.cumsum(outcome * treated) / n1, np.cumsum(outcome * ~treated) / n0
        error = np.sqrt(m1 * (1 - m1) / n1 + m0 * (1 - m0) / n0)
        z = (m1 - m0 + MARGIN) / error
    return _first((z <= -1.96) & (n1 >= 30) & (n0 >= 30), treated)


def excludes_the_truth(requests: int, share: float, rng: np.random.Generator) -> bool:
    """Whether the interval for log-normal costs (sigma 1) ever excludes their true difference."""
    treated = rng.random(requests) < share
    cost = rng.lognormal(0.0, 1.0, requests) * np.where(treated, 1.2, 1.0)
    truth = 0.2 * math.exp(0.5)
    sequence, propensity = AsymptoticSequence(), np.full(requests, share)
    for start in range(0, requests, EVERY):
        part = slice(start, start + EVERY)
        sequence.fold(cost[part], treated[part], propensity[part])
        interval = sequence.interval(CONFIDENCE)
        if interval is not None and not interval.low <= truth <= interval.high:
            return True
    return False


def at_most(successes: int, trials: int) -> float:
    """Upper end of the 95 % Wilson interval of a rate."""
    z, rate = 1.96, successes / trials
    middle = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return (middle + spread) / (1 + z * z / trials)


def _path(outcome: Floats, treated: Bools, propensity: Floats, effect: float) -> Floats:
    """Log wealth of the bet that the effect is below `effect`, after every request."""
    wealth, parts = 0.0, []
    for block in Centring().blocks(outcome, treated, propensity):
        grown = wealth + np.cumsum(log_payoffs(block, np.array([effect]))[:, 1, :, 0], axis=0)
        wealth = grown[-1]
        parts.append(np.logaddexp.reduce(grown, axis=1) - math.log(grown.shape[1]))
    return np.concatenate(parts)


def _first(crossed: Bools, treated: Bools) -> int | None:
    return int(np.count_nonzero(treated[: int(np.argmax(crossed)) + 1])) if crossed.any() else None


def _rates(runs: int) -> None:
    write = sys.stdout.write
    for share, requests in ((0.5, 4_000), (0.05, 20_000)):
        for effect, swing in WORLDS:
            world = World(requests, share, effect, swing=swing)
            for name, rule in (("sequence", stops), ("z-test", stops_fixed)):
                rng = np.random.default_rng(6)
                found = [rule(world, rng) for _ in range(runs)]
                stopped = [n for n in found if n is not None]
                typical = f"{np.median(stopped):.0f}" if stopped else "-"
                rate = f"{len(stopped) / runs:.3f} (at most {at_most(len(stopped), runs):.3f})"
                write(f"{share} {effect:+.2f} {swing} {name}: stopped {rate}, median treated {typical}\n")
        rng = np.random.default_rng(7)
        missed = sum(excludes_the_truth(requests, share, rng) for _ in range(runs))
        write(
            f"{share} log-normal costs: excluded {missed / runs:.3f} (at most {at_most(missed, runs):.3f})\n"
        )


if __name__ == "__main__":
    _rates(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
