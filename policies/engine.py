"""The decision engine: a policy and the facts of a request in, one explained plan out. Pure and total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.conditions import Condition, Probe, compile_when, explain, first_failure, matcher, probes_of
from policies.decision import TASK_PREFIX, CachePlan, Considered, Decision, Plan, Skipped, considered_of
from policies.eligibility import Forbidden
from policies.model import AUTO, PlanSpec
from policies.patterns import glob_matcher
from policies.planning import CompiledPlan, build_plan, compile_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from policies.acceptance import Releases
    from policies.facts import Facts
    from policies.model import Match, Policy, Rule, Target, When

REQUESTED_MODEL = "requested-model"
ALIAS = "alias"
DEFAULT = "default"
UNKNOWN_MODEL = "unknown-model"
RESERVED_IDS = frozenset({REQUESTED_MODEL, ALIAS, DEFAULT, UNKNOWN_MODEL})
"""Rule ids that decisions use for what is not a rule."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be evaluated."""

    id: str
    position: int
    conditions: tuple[Condition, ...]
    probes: tuple[Probe, ...]
    """The conditions without their words."""
    plan: CompiledPlan
    forbids: Forbidden | None
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
    default: CompiledPlan
    default_forbids: Forbidden | None
    direct: Mapping[tuple[str, str], CompiledPlan]
    """`requested-model` or `alias`, and a target -> the plan of that target alone."""
    aliases: tuple[tuple[Callable[[str], bool], str], ...]
    specialists: Mapping[str, str]
    """Model name of a specialist -> its target."""
    sticky: tuple[str, ...] = ()
    """What plans stay by: `session`, `key`, `tenant`; empty where none is sticky."""
    releases: Releases | None = None
    """What the accepted risks were worked out from."""

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


def compile_policy(policy: Policy, version: str, releases: Releases | None = None) -> CompiledPolicy:
    """Compile a policy that `validate` found no error in; `version` is recorded with every decision.

    `releases` knows from which confidence on answers keep to an accepted risk; without it none is known to.
    """
    rules = tuple(
        _compile_rule(policy, rule, position, releases) for position, rule in enumerate(policy.rules)
    )
    return CompiledPolicy(
        version=version,
        policy=policy,
        rules=rules,
        forbidding=tuple(rule for rule in rules if rule.forbids is not None),
        default=compile_plan(policy, policy.default, DEFAULT, releases),
        default_forbids=_forbidden(policy.default, DEFAULT),
        direct=dict(_direct_plans(policy)),
        aliases=tuple((glob_matcher((glob,)), name) for glob, name in policy.aliases.items()),
        specialists={t.model: name for name, t in reversed(policy.targets.items()) if t.kind == "specialist"},
        sticky=tuple(dict.fromkeys(p.sticky.by for p in _specs(policy) if p.sticky is not None)),
        releases=releases,
    )


def _specs(policy: Policy) -> tuple[PlanSpec, ...]:
    return (*(rule.then for rule in policy.rules), policy.default)


def _compile_rule(policy: Policy, rule: Rule, position: int, releases: Releases | None) -> CompiledRule:
    conditions = compile_when(rule.when)
    models = tuple(named_models(rule.when))
    return CompiledRule(
        id=rule.id,
        position=position,
        conditions=conditions,
        probes=probes_of(conditions),
        plan=compile_plan(policy, rule.then, rule.id, releases),
        forbids=_forbidden(rule.then, rule.id),
        models=matcher(models) if models else None,
    )


def _forbidden(spec: PlanSpec, rule: str) -> Forbidden | None:
    return Forbidden(rule, spec.forbid) if spec.forbid else None


def _direct_plans(policy: Policy) -> Iterator[tuple[tuple[str, str], CompiledPlan]]:
    """A client that names a target gets it or an error; an alias is the policy's own word, and open to experiments."""
    for name in policy.targets:
        asked = PlanSpec.model_construct(steps=(name,), on_missing_upstream="fail")
        meant = PlanSpec.model_construct(steps=(name,))
        yield (REQUESTED_MODEL, name), compile_plan(policy, asked, REQUESTED_MODEL, experiments=False)
        yield (ALIAS, name), compile_plan(policy, meant, ALIAS)


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
        """The first rule that matches."""
        facts = self.facts
        if self.explained:
            for rule in rules:
                if self.matches(rule):
                    return rule
            return None
        for rule in rules:  # as `matches`, without a call for each of hundreds of rules
            for read, holds in rule.probes:
                if not holds(read(facts)):
                    break
            else:
                self.note(rule)
                return rule
        return None

    def matches(self, rule: CompiledRule) -> bool:
        """Whether the rule matches; if so, what it forbids is noted."""
        failure = first_failure(rule.probes, self.facts)
        if self.explained:
            checks = explain(rule.conditions, self.facts, failure)
            self.considered.append(considered_of((rule.id, failure < 0, checks)))
        if failure >= 0:
            return False
        self.note(rule)
        return True

    def note(self, rule: CompiledRule) -> None:
        """Remember what a matching rule forbids."""
        if rule.forbids is not None:
            self.forbidden.append(rule.forbids)


def _routed(compiled: CompiledPolicy, trail: _Trail, *, named: bool) -> Decision:
    """Let the rules choose; with `named`, only rules that name the model asked for."""
    name = trail.facts.model
    candidates = [rule for rule in compiled.rules if rule.names(name)] if named else compiled.rules
    winner = trail.first_match(candidates)
    if winner is None and named:
        plan = Plan((), CachePlan(exact=False))
        return Decision(compiled.version, UNKNOWN_MODEL, plan, tuple(trail.considered))
    if winner is None:
        if compiled.default_forbids is not None:
            trail.forbidden.append(compiled.default_forbids)
        return _decision(compiled, trail, DEFAULT, compiled.default)
    for rule in compiled.forbidding:
        if rule.position > winner.position or (named and not rule.names(name)):
            trail.matches(rule)
    return _decision(compiled, trail, winner.id, winner.plan)


def _direct(compiled: CompiledPolicy, trail: _Trail, rule: str, target: str) -> Decision:
    """A plan of one target that no rule chose; what rules forbid still holds."""
    # Whether the default applies depends on every rule, not only on those that forbid something.
    ban = compiled.default_forbids
    matched = [trail.matches(other) for other in (compiled.rules if ban is not None else compiled.forbidding)]
    if ban is not None and not any(matched):
        trail.forbidden.append(ban)
    plan = compiled.direct.get((rule, target))
    if plan is None:  # an alias to a target that is not there, compiled against the findings of `validate`
        missing = Skipped(target, "the policy has no such target", "incapable")
        return Decision(compiled.version, rule, Plan((), CachePlan(), (missing,)), tuple(trail.considered))
    return _decision(compiled, trail, rule, plan)


def _decision(compiled: CompiledPolicy, trail: _Trail, rule: str, asked: CompiledPlan) -> Decision:
    plan, drawn = build_plan(compiled.policy, asked, trail.facts, tuple(trail.forbidden))
    considered = tuple(trail.considered)
    if drawn is None:
        return Decision(compiled.version, rule, plan, considered)
    return Decision(compiled.version, rule, plan, considered, drawn.propensity, drawn.experiment, drawn.arm)


def named_models(when: When) -> Iterable[Match]:
    """Every glob or pattern on the model of a condition that asks *for* a model; under `not` it asks for all others."""
    yield from when.model or ()
    for member in (when.all_ or ()) + (when.any_ or ()):
        yield from named_models(member)
