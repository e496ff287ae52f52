"""Checks plans: targets that exist, something left to run after `forbid`, stages that see what they build on."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from policies.decision import TargetKind
from policies.findings import quote
from policies.model_plan import ANSWER, REQUEST
from policies.validate_when import Problem, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.document import Loc
    from policies.model import PlanSpec, Policy

KINDS: tuple[str, ...] = get_args(TargetKind)


def plan_problems(spec: PlanSpec, policy: Policy, loc: Loc) -> Iterator[Problem]:
    """Every problem of one plan; `loc` is where the plan stands."""
    field_name = "steps" if spec.steps is not None else "among"
    yield from _names(spec.steps or spec.among or (), policy, (*loc, field_name))
    for index, name in enumerate(spec.forbid):
        yield from unknown(name, (*KINDS, *policy.targets), (*loc, "forbid", index), "kind or target")
    yield from _chain(spec, policy, (*loc, "chain"))
    if spec.shadow is not None:
        yield from _shadow(spec, policy, (*loc, "shadow", "targets"))
    yield from _nothing_left(spec, policy, (*loc, field_name))
    yield from _without_effect(spec, policy, loc)


def _names(names: tuple[str, ...], policy: Policy, loc: Loc) -> Iterator[Problem]:
    for index, name in enumerate(names):
        yield from unknown(name, policy.targets, (*loc, index), "target")
        if name in names[:index]:
            yield Problem((*loc, index), f"{quote(name)} is named twice", "warning")


def _chain(spec: PlanSpec, policy: Policy, loc: Loc) -> Iterator[Problem]:
    for index, stage in enumerate(spec.chain or ()):
        at: Loc = (*loc, index)
        yield from unknown(stage.target, policy.targets, (*at, "target"), "target")
        if stage.target in policy.targets and _forbids(spec, stage.target, policy):
            why = f"the chain can never run: `forbid` rules out {quote(stage.target)}"
            yield Problem((*at, "target"), why)
        if index > 0 and ANSWER not in (stage.instruction or ""):
            why = f"this stage would not see the answer before it: name {quote(ANSWER)} in `instruction`"
            yield Problem(at, why)
        if index == 0 and ANSWER in (stage.instruction or ""):
            why = f"there is no answer before the first stage; {quote(REQUEST)} is what the client asks"
            yield Problem((*at, "instruction"), why)


def _shadow(spec: PlanSpec, policy: Policy, loc: Loc) -> Iterator[Problem]:
    for index, name in enumerate(spec.shadow.targets if spec.shadow else ()):
        yield from unknown(name, policy.targets, (*loc, index), "target")
        if name in policy.targets and _forbids(spec, name, policy):
            why = f"{quote(name)} never gets the request: `forbid` rules it out"
            yield Problem((*loc, index), why, "warning")


def _nothing_left(spec: PlanSpec, policy: Policy, loc: Loc) -> Iterator[Problem]:
    known = [name for name in spec.steps or spec.among or () if name in policy.targets]
    if known and all(_forbids(spec, name, policy) for name in known):
        yield Problem(loc, f"no target of {quote(loc[-1])} can be used: `forbid` rules out every one")


def _without_effect(spec: PlanSpec, policy: Policy, loc: Loc) -> Iterator[Problem]:
    known = [name for name in spec.targets if name in policy.targets]
    if spec.accept is not None and known and all(policy.targets[n].kind == "upstream" for n in known):
        yield Problem((*loc, "accept"), "`accept` has no effect: upstreams report no confidence", "warning")
    steps = dict.fromkeys(spec.steps or spec.among or ())
    if spec.sticky is not None and len(steps) < 2 and not policy.experiments:
        yield Problem(
            (*loc, "sticky"), "`sticky` has no effect: there is only one target to stay with", "warning"
        )
    if spec.hedge is not None and len(steps) < 2:
        yield Problem((*loc, "hedge"), "`hedge` has no effect: there is no second step to start", "warning")


def _forbids(spec: PlanSpec, name: str, policy: Policy) -> bool:
    return name in spec.forbid or policy.targets[name].kind in spec.forbid
