"""The decision engine: a policy and the facts of a request in, one explained plan out. Pure and total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.conditions import Condition, compile_when, explain, first_failure, matcher
from policies.decision import CachePlan, Considered, Decision, Plan
from policies.model import AUTO, OnMissing, PlanSpec
from policies.patterns import glob_matcher
from policies.planning import Forbidden, build_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from policies.facts import Facts
    from policies.model import Match, Policy, Target, When

REQUESTED_MODEL = "requested-model"
ALIAS = "alias"
DEFAULT = "default"
UNKNOWN_MODEL = "unknown-model"
RESERVED_IDS = frozenset({REQUESTED_MODEL, ALIAS, DEFAULT, UNKNOWN_MODEL})
"""Rule ids that decisions use for what is not a rule."""
TASK_PREFIX = "task/"
"""`task/NAME` asks for the specialist whose model is NAME."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be evaluated."""

    id: str
    position: int
    conditions: tuple[Condition, ...]
    plan: PlanSpec
    forbids: bool
    models: Callable[[str], bool] | None
    """Matches the models that the rule names outside of `not`; None if it names none."""

    def names(self, model: str) -> bool:
        """Whether the rule asks for this very model, not just for any."""
        return self.models is not None and self.models(model)


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy with its conditions compiled; immutable, shared by all requests."""

    version: str
    policy: Policy
    rules: tuple[CompiledRule, ...]
    forbidding: tuple[CompiledRule, ...]
    aliases: tuple[tuple[Callable[[str], bool], str], ...]
    specialists: Mapping[str, str]
    """Model name of a specialist -> its target."""

    @property
    def targets(self) -> Mapping[str, Target]:
        """Every target by name, in the order of the file."""
        return self.policy.targets

    def knows_model(self, name: str) -> bool:
        """Whether `decide` may find a plan for this model name: else it is a 404 before any classifying."""
        return (
            name == AUTO
            or self.requested_target(name) is not None
            or self.alias(name) is not None
            or any(rule.names(name) for rule in self.rules)
        )

    def requested_target(self, name: str) -> str | None:
        """The target that a client names outright, by its own name or as `task/NAME`."""
        if name in self.policy.targets:
            return name
        return self.specialists.get(name.removeprefix(TASK_PREFIX)) if name.startswith(TASK_PREFIX) else None

    def alias(self, name: str) -> str | None:
        """What the first alias whose glob matches stands for: `auto` or a target."""
        return next((stands_for for matches, stands_for in self.aliases if matches(name)), None)


def compile_policy(policy: Policy, version: str) -> CompiledPolicy:
    """Compile a policy that `validate` found no error in; `version` is recorded with every decision."""
    rules = tuple(
        CompiledRule(
            id=rule.id,
            position=position,
            conditions=compile_when(rule.when),
            plan=rule.then,
            forbids=bool(rule.then.forbid),
            models=matcher(models) if (models := tuple(named_models(rule.when))) else None,
        )
        for position, rule in enumerate(policy.rules)
    )
    return CompiledPolicy(
        version=version,
        policy=policy,
        rules=rules,
        forbidding=tuple(rule for rule in rules if rule.forbids),
        aliases=tuple((glob_matcher((glob,)), name) for glob, name in policy.aliases.items()),
        specialists={t.model: name for name, t in reversed(policy.targets.items()) if t.kind == "specialist"},
    )


def decide(compiled: CompiledPolicy, facts: Facts, *, explained: bool = True) -> Decision:
    """The plan for one request; never raises, and equal arguments give equal decisions.

    1. A target's own name, or `task/NAME`, is exactly that target (rule `requested-model`).
    2. The first alias that matches gives a target (rule `alias`) or `auto`. `auto` itself is never an alias.
    3. `auto`: the first rule that matches, else `default`.
    4. Another name: the first matching rule that names this model, else no steps (rule `unknown-model`).

    `forbid` overrides: whichever way the plan came about, no step is forbidden by *any* rule that matches
    the request (nor by `default`, if no rule does). So a privacy rule holds wherever it stands in the file
    and for clients that name a model outright.

    `explained=False` leaves `considered` empty; the evaluation is the same.
    """
    trail = _Trail(facts, explained=explained)
    name = facts.model
    if (target := compiled.requested_target(name)) is not None:
        return _direct(compiled, trail, REQUESTED_MODEL, target)
    alias = compiled.alias(name) if name != AUTO else AUTO
    if alias is not None and alias != AUTO:
        return _direct(compiled, trail, ALIAS, alias)
    return _routed(compiled, trail, named=alias is None)


class _Trail:
    """Evaluates rules for one request and keeps what was looked at."""

    __slots__ = ("considered", "explained", "facts", "forbidden")

    def __init__(self, facts: Facts, *, explained: bool) -> None:
        self.facts = facts
        self.explained = explained
        self.considered: list[Considered] = []
        self.forbidden: list[Forbidden] = []

    def first_match(self, rules: Iterable[CompiledRule]) -> CompiledRule | None:
        for rule in rules:
            if self.matches(rule):
                return rule
        return None

    def matches(self, rule: CompiledRule) -> bool:
        failure = first_failure(rule.conditions, self.facts)
        if self.explained:
            checks = explain(rule.conditions, self.facts, failure)
            self.considered.append(Considered(rule.id, failure < 0, checks))
        if failure >= 0:
            return False
        if rule.forbids:
            self.forbidden.append(Forbidden(rule.id, rule.plan.forbid))
        return True

    def forbid_default(self, spec: PlanSpec) -> None:
        if spec.forbid:
            self.forbidden.append(Forbidden(DEFAULT, spec.forbid))


def _routed(compiled: CompiledPolicy, trail: _Trail, *, named: bool) -> Decision:
    """Let the rules choose; with `named`, only rules that name the model asked for."""
    name = trail.facts.model
    candidates = [rule for rule in compiled.rules if rule.names(name)] if named else compiled.rules
    winner = trail.first_match(candidates)
    if winner is None and named:
        return _decision(compiled, trail, UNKNOWN_MODEL, Plan((), CachePlan(exact=False)))
    if winner is None:
        trail.forbid_default(compiled.policy.default)
        return _planned(compiled, trail, DEFAULT, compiled.policy.default)
    for rule in compiled.forbidding:
        if rule.position > winner.position or (named and not rule.names(name)):
            trail.matches(rule)
    return _planned(compiled, trail, winner.id, winner.plan)


def _direct(compiled: CompiledPolicy, trail: _Trail, rule: str, target: str) -> Decision:
    """A plan of one target that no rule chose; what rules forbid still holds."""
    default = compiled.policy.default
    # Whether the default applies depends on every rule, not only on those that forbid something.
    matched = [trail.matches(other) for other in (compiled.rules if default.forbid else compiled.forbidding)]
    if not any(matched):
        trail.forbid_default(default)
    missing: OnMissing | None = "fail" if rule == REQUESTED_MODEL else None
    spec = PlanSpec.model_construct(steps=(target,), on_missing_upstream=missing)
    return _planned(compiled, trail, rule, spec)


def _planned(compiled: CompiledPolicy, trail: _Trail, rule: str, spec: PlanSpec) -> Decision:
    plan = build_plan(compiled.policy, spec, trail.facts, tuple(trail.forbidden))
    return _decision(compiled, trail, rule, plan)


def _decision(compiled: CompiledPolicy, trail: _Trail, rule: str, plan: Plan) -> Decision:
    return Decision(compiled.version, rule, plan, tuple(trail.considered))


def named_models(when: When) -> Iterable[Match]:
    """Every glob or pattern on the model of a condition that asks *for* a model; under `not` it asks for all others."""
    yield from when.model or ()
    for member in (when.all_ or ()) + (when.any_ or ()):
        yield from named_models(member)
