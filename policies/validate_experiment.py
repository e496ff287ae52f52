"""Checks experiments: targets that exist, something to concern, and nothing that another takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.findings import quote
from policies.validate_when import Problem, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.document import Loc
    from policies.model import Experiment, Policy


def experiment_problems(policy: Policy) -> Iterator[Problem]:
    """Every problem of `experiments`, and of `limits`, which needs a plan that can heed it."""
    named = {name for plan in _plans(policy) for name in plan} | set(policy.aliases.values())
    ids: dict[str, int] = {}
    takers: dict[str, str] = {}
    for index, experiment in enumerate(policy.experiments):
        loc: Loc = ("experiments", index)
        if experiment.id in ids:
            why = (
                f"experiment id {quote(experiment.id)} is already that of experiment {ids[experiment.id] + 1}"
            )
            yield Problem((*loc, "id"), why)
        ids.setdefault(experiment.id, index)
        yield from _targets(experiment, policy, named, loc)
        if experiment.kind in ("canary", "ab") and experiment.from_ is not None:
            taker = takers.setdefault(experiment.from_, experiment.id)
            if taker != experiment.id:
                why = (
                    f"never drawn: experiment {quote(taker)} takes all requests of {quote(experiment.from_)}"
                )
                yield Problem(loc, why, "warning")
        if experiment.share == 0:
            yield Problem((*loc, "share"), "a share of 0 draws nothing", "warning")
    yield from _limits(policy)


def _targets(experiment: Experiment, policy: Policy, named: set[str], loc: Loc) -> Iterator[Problem]:
    for key, name in (("from", experiment.from_), ("to", experiment.to)):
        if name is not None:
            yield from unknown(name, policy.targets, (*loc, key), "target")
    if experiment.from_ in policy.targets and experiment.from_ not in named:
        why = f"never drawn: no plan names {quote(experiment.from_)}"
        yield Problem((*loc, "from"), why, "warning")


def _limits(policy: Policy) -> Iterator[Problem]:
    plans = (policy.default, *(rule.then for rule in policy.rules))
    if policy.limits is not None and not any(plan.choose == "best" for plan in plans):
        why = "`limits` has no effect: no plan says `choose: best`, which weighs success against them"
        yield Problem(("limits",), why, "warning", on_key=True)


def _plans(policy: Policy) -> Iterator[tuple[str, ...]]:
    yield policy.default.steps or policy.default.among or ()
    for rule in policy.rules:
        yield rule.then.steps or rule.then.among or ()
