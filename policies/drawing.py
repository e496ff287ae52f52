"""Draws which experiment a request takes part in, and says with what probability its steps came about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.decision import Arm
    from policies.facts import Facts
    from policies.model import Experiment, PlanSpec, Policy

Order = tuple[str, ...]
"""Targets in the order in which they are tried."""
Paths = list[tuple[float, Order]]
"""Every way in which the draws could have gone, with its probability."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The order that came out, the probability of exactly this order, and which experiment and arm made it."""

    order: Order
    propensity: float = 1.0
    experiment: str | None = None
    arm: Arm | None = None


def uniform(salt: str, unit: str) -> float:
    """A number in [0, 1) that looks random and depends on nothing but `salt` and `unit`.

    The first 53 bits of BLAKE2b. Independent between salts, so that experiments do not share their draws; the same for
    every version of a policy, so that a unit keeps its side of a growing share.
    """
    text = f"{salt}\x00{unit}".encode("utf-8", "surrogatepass")
    return (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 11) / 2**53


def unit_of(experiment: Experiment, facts: Facts) -> str:
    """What is drawn: the key, session or tenant if `sticky` names one that the request has, else the request."""
    if experiment.kind in ("canary", "ab"):
        if experiment.sticky == "key" and facts.key:
            return f"key {facts.key}"
        if experiment.sticky == "session" and facts.session:
            return f"session {facts.tenant} {facts.session}"
        if experiment.sticky == "tenant" and facts.tenant:
            return f"tenant {facts.tenant}"
    return f"request {facts.request_id}"


def is_drawn(experiment: Experiment, facts: Facts) -> bool:
    """Whether the request falls into the experiment's share: monotone in the share, for each unit."""
    return uniform(experiment.id, unit_of(experiment, facts)) < experiment.share


def draw(
    experiments: Sequence[Experiment], order: Sequence[str], facts: Facts, allows: Callable[[str], bool]
) -> Drawn:
    """The order after every draw. `allows` says whether a target may take this request.

    The propensity sums over all draws that give the same order, e.g. exploring may find what was first anyway.
    """
    drawn = Drawn(tuple(order))
    if not order:
        return drawn  # nothing can run, so nothing is drawn
    paths: Paths = [(1.0, drawn.order)]
    for experiment in experiments:
        if experiment.kind in ("canary", "ab") and concerns(experiment, order, facts, allows):
            drawn, paths = _on_trial(experiment, drawn, facts)
            break
    for experiment in experiments:
        if experiment.kind == "explore" and experiment.id not in facts.ended:
            drawn, paths = _explored(experiment, drawn, paths, facts)
    propensity = sum(weight for weight, other in paths if other == drawn.order)
    return Drawn(drawn.order, min(propensity, 1.0), drawn.experiment, drawn.arm)


def with_certain_draws(policy: Policy) -> Policy:
    """The policy with every share at 1, for whatever has to hold however the draws go.

    Of several experiments on one target only the first takes part; end the others in the facts to see each.
    """

    def certain(plan: PlanSpec) -> PlanSpec:
        if plan.shadow is None:
            return plan
        return plan.model_copy(update={"shadow": plan.shadow.model_copy(update={"share": 1.0})})

    return policy.model_copy(
        update={
            "rules": tuple(rule.model_copy(update={"then": certain(rule.then)}) for rule in policy.rules),
            "default": certain(policy.default),
            "experiments": tuple(e.model_copy(update={"share": 1.0}) for e in policy.experiments),
        }
    )


def concerns(
    experiment: Experiment, order: Sequence[str], facts: Facts, allows: Callable[[str], bool]
) -> bool:
    """Whether a request with this plan takes part in an experiment that has `from` and `to`."""
    return (
        experiment.from_ in order
        and experiment.id not in facts.ended
        and experiment.to is not None
        and allows(experiment.to)
    )


def _on_trial(experiment: Experiment, drawn: Drawn, facts: Facts) -> tuple[Drawn, Paths]:
    """`to` right before `from`, which stays as its fallback."""
    control, to = drawn.order, experiment.to or ""
    others = [name for name in control if name != to]
    place = others.index(experiment.from_ or "")
    treated = (*others[:place], to, *others[place:])
    paths = [(1.0 - experiment.share, control), (experiment.share, treated)]
    if is_drawn(experiment, facts):
        return Drawn(treated, experiment=experiment.id, arm="treatment"), paths
    return Drawn(control, experiment=experiment.id, arm="control"), paths


def _explored(experiment: Experiment, drawn: Drawn, paths: Paths, facts: Facts) -> tuple[Drawn, Paths]:
    """With probability `share`, each target of the order first with equal probability."""
    branched: Paths = []
    for weight, order in paths:
        branched.append((weight * (1.0 - experiment.share), order))
        branched += [(weight * experiment.share / len(order), _first(order, name)) for name in order]
    if not drawn.order or not is_drawn(experiment, facts):
        return drawn, branched
    # Given that it fell below the share, the same number is uniform below it.
    number = uniform(experiment.id, unit_of(experiment, facts))
    chosen = drawn.order[min(int(number / experiment.share * len(drawn.order)), len(drawn.order) - 1)]
    return Drawn(_first(drawn.order, chosen), experiment=experiment.id, arm="explored"), branched


def _first(order: Order, name: str) -> Order:
    return (name, *(other for other in order if other != name))
