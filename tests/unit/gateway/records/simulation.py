"""Traffic whose truth is known: how often do the intervals of a replay hold it?

    python -m tests.unit.gateway.records.simulation --worlds 2000 --rows 1500

Requests have a difficulty x. The policy in force sends the easy half to `small` and the rest to `mid`, and explores:
with probability `share` one of three targets is drawn. The edit sends x > 0.8 to `large` and all else to `mid`.
The chance of an acceptable answer falls with x, the more the weaker the target. An outcome model that is wrong says
0.9 for everything.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.records.estimate import Sample, Sums

SLOPES: Final = np.array([1.0, 0.9, 0.1])
"""By how much the chance of success of small, mid and large falls from the easiest request to the hardest."""


@dataclass(frozen=True)
class World:
    """Logged requests, and what the edit would do with them; arrays of shape (rows,)."""

    outcome: np.ndarray
    taken: np.ndarray
    propensity: np.ndarray
    new: np.ndarray
    chance_new: np.ndarray
    chance_old: np.ndarray
    """Expected outcome under the policy in force, its draws included."""

    @classmethod
    def drawn(cls, rows: int, share: float, rng: np.random.Generator) -> World:
        """Log `rows` requests."""
        x, index = rng.random(rows), np.arange(rows)
        greedy = (x > 0.5).astype(int)
        taken = np.where(rng.random(rows) < share, rng.integers(0, 3, rows), greedy)
        chance = 1 - x[:, None] * SLOPES
        new = np.where(x > 0.8, 2, 1)
        return cls(
            outcome=(rng.random(rows) < chance[index, taken]).astype(float),
            taken=taken,
            propensity=np.where(taken == greedy, 1 - share + share / 3, share / 3),
            new=new,
            chance_new=chance[index, new],
            chance_old=(1 - share) * chance[index, greedy] + share * chance.mean(axis=1),
        )

    def sample(self, model: np.ndarray) -> Sample:
        """The log as replay sees it, with the predictions of an outcome model."""
        rows = len(self.outcome)
        none = np.full(rows, -1)
        weight = (self.taken == self.new) / self.propensity
        return Sample(self.outcome, weight, np.ones(rows, bool), model, none, none, np.arange(rows))


def truth(share: float) -> tuple[float, float]:
    """The change of the mean outcome, and the mean outcome under the edit, over a million requests."""
    world = World.drawn(1_000_000, share, np.random.default_rng(0))
    return float((world.chance_new - world.chance_old).mean()), float(world.chance_new.mean())


def coverage(worlds: int, rows: int, share: float, draws: int) -> dict[str, float]:
    """The share of worlds in which each 95 % interval holds the truth."""
    change, level = truth(share)
    hits = dict.fromkeys(("ips", "snips", "dr", "dr, wrong model", "naive"), 0)
    for seed in range(worlds):
        world = World.drawn(rows, share, np.random.default_rng(seed + 1))
        good = Sums(world.sample(world.chance_new), seed=seed, draws=draws)
        bad = Sums(world.sample(np.full(rows, 0.9)), seed=seed, draws=draws)
        for name, sums in (("ips", good), ("snips", good), ("dr", good), ("dr, wrong model", bad)):
            found = sums.estimate(getattr(sums, name.partition(",")[0]))
            hits[name] += found.low <= change <= found.high
        hits["naive"] += _naive_holds(world, level)
    return {name: count / worlds for name, count in hits.items()}


def _naive_holds(world: World, level: float) -> bool:
    """The mean over requests that happen to have taken the new route, as if they were like all others."""
    same = world.outcome[world.taken == world.new]
    error = 1.96 * same.std(ddof=1) / len(same) ** 0.5
    return bool(abs(same.mean() - level) <= error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--draws", type=int, default=2000)
    for name, held in coverage(**vars(parser.parse_args())).items():
        print(f"{name:>16}  {held:.3f}")
