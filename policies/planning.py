"""Turns the plan a rule asks for into what can run for this request, and says what was left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.acceptance import NothingGraded, release
from policies.choosing import chosen_first, success
from policies.decision import CachePlan, Hedge, Plan, Shadow, Skipped, Stage, Step, Sticky
from policies.drawing import Drawn, concerns, draw, is_drawn, uniform
from policies.eligibility import Eligibility, Forbidden

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.acceptance import Releases
    from policies.facts import Facts
    from policies.model import Experiment, PlanSpec, Policy, Target

MISSING_UPSTREAM = "missing-upstream"
"""`Plan.degraded` when a local model stands in for an upstream that is not there."""


@dataclass(frozen=True, slots=True)
class CompiledPlan:
    """A plan with everything made that does not depend on the request."""

    salt: str
    """Names the plan where it draws by itself: the id of its rule."""
    spec: PlanSpec
    names: tuple[str, ...]
    """What `steps` or `among` name, each once."""
    steps: Mapping[str, Step]
    """Every target of the policy as a step of this plan."""
    cache: CachePlan
    experiments: tuple[Experiment, ...]
    """Those that may concern this plan."""
    sticky: Sticky | None
    unproved: Mapping[str, Skipped]
    """Targets whose answers are never released here, because nothing shows that they keep to the accepted risk."""


def compile_plan(
    policy: Policy, spec: PlanSpec, rule: str, releases: Releases | None = None, *, experiments: bool = True
) -> CompiledPlan:
    """Prepare `spec`, the plan of `rule`; without `experiments` nothing is drawn.

    `releases` turns an accepted risk into a confidence; without it nothing is known and no such answer is released.
    """
    made = _released_steps(policy, spec, releases or NothingGraded())
    return CompiledPlan(
        salt=f"shadow {rule}",
        spec=spec,
        names=tuple(dict.fromkeys(spec.steps or spec.among or ())),
        steps={name: step for name, (step, _) in made.items()},
        cache=CachePlan(spec.cache.exact, spec.cache.ttl_s, spec.cache.sampled),
        experiments=policy.experiments if experiments else (),
        sticky=Sticky(spec.sticky.by, rule, spec.sticky.for_s) if spec.sticky is not None else None,
        unproved={name: reason for name, (_, reason) in made.items() if reason is not None},
    )


def build_plan(
    policy: Policy, plan: CompiledPlan, facts: Facts, forbidden: tuple[Forbidden, ...]
) -> tuple[Plan, Drawn | None]:
    """What can run, in order, and the draw behind it; what is forbidden, incapable, too dear or missing is skipped.

    If that leaves nothing because upstreams are missing, and the plan (or else the policy) says
    `on_missing_upstream: degrade`, the local target most likely to succeed stands in.
    """
    spec = plan.spec
    eligibility = Eligibility(policy.targets, facts, forbidden, spec.budget, unproved=plan.unproved)
    skipped: list[Skipped] = []
    usable: list[str] = []
    for name in plan.names:
        if (reason := eligibility.obstacle(name)) is None:
            usable.append(name)
        else:
            skipped.append(reason)
    chain = _chain(plan, eligibility, skipped) if spec.chain is not None else ()
    if not chain and skipped and _lacks_upstream(policy, spec, facts, usable, skipped):
        return _degraded(policy, plan, facts, forbidden, usable, skipped), None
    order = usable if spec.choose is None else chosen_first(spec, facts, usable)
    if not plan.experiments and spec.hedge is None and spec.shadow is None and plan.sticky is None:
        steps = tuple([plan.steps[n] for n in order])
        return Plan(steps, plan.cache, tuple(skipped), chain=chain, deadline_s=spec.deadline_s), None
    held = _held(plan, order, facts, eligibility)
    drawn = (
        draw(plan.experiments, order, facts, eligibility.allows) if held is None else _staying(held, order)
    )
    # An answer that an experiment brought about is not kept: it would be given to those outside of it.
    outside = drawn.arm in (None, "control") and (held is None or held in order)
    cache = plan.cache if outside else CachePlan(exact=False)
    steps = tuple([plan.steps[name] for name in drawn.order])
    sticky = plan.sticky if held is None or plan.sticky is None else replace(plan.sticky, held=held)
    bare = Plan(steps, cache, tuple(skipped), None, chain, deadline_s=spec.deadline_s, sticky=sticky)
    return replace(bare, hedge=_hedge(spec, bare, facts), shadows=_shadows(plan, bare, eligibility)), drawn


def _held(plan: CompiledPlan, order: Sequence[str], facts: Facts, eligibility: Eligibility) -> str | None:
    """The target that answered before, if it is in `order`, or on trial for one that is; else None."""
    name = facts.settled.get(plan.sticky.name) if plan.sticky is not None else None
    if name is None or name in order:
        return name
    # Were only the control arm to stay, later requests would be in the treatment arm alone.
    on_trial = any(
        experiment.to == name
        and experiment.kind in ("canary", "ab")
        and concerns(experiment, order, facts, eligibility.allows)
        for experiment in plan.experiments
    )
    return name if on_trial else None


def _staying(held: str, order: Sequence[str]) -> Drawn:
    """First the target that stays, then the others; nothing is drawn."""
    return Drawn((held, *(name for name in order if name != held)))


def _chain(plan: CompiledPlan, eligibility: Eligibility, skipped: list[Skipped]) -> tuple[Stage, ...]:
    """Every stage, or none if one of them cannot run or all together are too dear; adds why to `skipped`."""
    stages = plan.spec.chain or ()
    names = dict.fromkeys(stage.target for stage in stages)
    obstacles = [reason for name in names if (reason := eligibility.obstacle(name)) is not None]
    budget = plan.spec.budget
    cost = sum(eligibility.facts.cost_usd.get(stage.target, 0.0) for stage in stages)
    if not obstacles and budget is not None and cost > budget:
        words = f"its chain is expected to cost ${cost:.4g}, above ${budget:.4g}"
        obstacles.append(Skipped(stages[0].target, words, "too_costly"))
    if obstacles:
        known = {reason.target for reason in skipped}
        skipped += [reason for reason in obstacles if reason.target not in known]
        return ()
    return tuple([Stage(plan.steps[stage.target], stage.instruction) for stage in stages])


def _hedge(spec: PlanSpec, plan: Plan, facts: Facts) -> Hedge | None:
    """When to start the second step; None without one, and while the first step's latency is not known."""
    if spec.hedge is None or plan.chain or len(plan.steps) < 2:
        return None
    after_s = spec.hedge.after_s
    if after_s is None and (p95_ms := facts.latency_p95_ms.get(plan.steps[0].target)) is not None:
        after_s = p95_ms / 1000.0
    return Hedge(after_s, spec.hedge.spend_share) if after_s is not None else None


def _shadows(plan: CompiledPlan, built: Plan, eligibility: Eligibility) -> tuple[Shadow, ...]:
    """Who else gets the request: by the plan itself, and by experiments; each target once, never the first one.

    Their answers are not released, so a target that is not accepted yet may well be one of them.
    """
    facts, spec = eligibility.facts, plan.spec.shadow
    found: dict[str, Shadow] = {}
    if spec is not None and uniform(plan.salt, facts.request_id) < spec.share:
        for name in spec.targets:
            if eligibility.may_see(name):
                found[name] = Shadow(plan.steps[name], spec.share, spec.keep_answers)
    order = [step.target for step in built.steps]
    for experiment in plan.experiments:
        if experiment.kind == "shadow" and concerns(experiment, order, facts, eligibility.may_see):
            to = experiment.to or ""
            if to not in found and is_drawn(experiment, facts):
                found[to] = Shadow(plan.steps[to], experiment.share, experiment=experiment.id)
    first = built.first
    return tuple([shadow for name, shadow in found.items() if first is not None and name != first])


def _lacks_upstream(
    policy: Policy, spec: PlanSpec, facts: Facts, usable: list[str], skipped: list[Skipped]
) -> bool:
    """Whether a missing upstream leaves nothing that does what the plan asks.

    Ordered steps: nothing is usable. `cheapest` and `fastest`: no usable target reaches `success`.
    `best`: a missing upstream would do better than every usable target.
    A choice with an upstream still in it is never called lacking: the best of what is left answers.
    """
    missing = [
        s.target for s in skipped if s.cause == "unavailable" and policy.targets[s.target].kind == "upstream"
    ]
    if not missing or any(policy.targets[name].kind == "upstream" for name in usable):
        return False
    best = max((success(facts, name) for name in usable), default=-1.0)
    if spec.choose in ("cheapest", "fastest"):
        return best < (spec.success or 0.0)
    if spec.choose == "best":
        return best < max(success(facts, name) for name in missing)
    return not usable


def _degraded(
    policy: Policy,
    plan: CompiledPlan,
    facts: Facts,
    forbidden: tuple[Forbidden, ...],
    usable: list[str],
    skipped: list[Skipped],
) -> Plan:
    """The best usable local target if the policy degrades, which may ignore tools merely offered; else no steps."""
    able: list[str] = []
    if (plan.spec.on_missing_upstream or policy.on_missing_upstream) == "degrade":
        eligibility = Eligibility(policy.targets, facts, forbidden, plan.spec.budget, offers=False)
        able = [n for n, t in policy.targets.items() if t.kind == "local" and eligibility.allows(n)]
    if not able:
        return Plan((), plan.cache, (*skipped, *(_too_weak(name, facts) for name in usable)))
    step = plan.steps[max(able, key=lambda name: success(facts, name))]
    held = _unheld(step)
    return Plan((held,), plan.cache, tuple(skipped), MISSING_UPSTREAM, deadline_s=plan.spec.deadline_s)


def _too_weak(name: str, facts: Facts) -> Skipped:
    words = f"likely to answer well with probability {success(facts, name):.3g} only"
    return Skipped(name, words, "too_weak")


def _unheld(step: Step) -> Step:
    """The step without `accept`: there is nobody to pass a doubtful answer on to."""
    return replace(step, accept_confidence=None, acceptance=None)


def _released_steps(
    policy: Policy, spec: PlanSpec, releases: Releases
) -> dict[str, tuple[Step, Skipped | None]]:
    """Every target as a step, and why its answers are never released where that is so."""
    made: dict[str, tuple[Step, Skipped | None]] = {}
    for name, target in policy.targets.items():
        threshold, words, reason = None, None, None
        if spec.accept is not None and target.kind != "upstream":
            threshold = spec.accept.confidence
            if (found := release(name, target, spec.accept, releases)) is not None:
                threshold, words = found.threshold, found.words
                reason = Skipped(name, words, "too_risky") if threshold is None else None
        made[name] = (_step(spec, name, target, threshold, words), reason)
    return made


def _step(spec: PlanSpec, name: str, target: Target, threshold: float | None, words: str | None) -> Step:
    """A target as a step. Only local models report a confidence, so only they are held to `accept`."""
    return Step(
        target=name,
        kind=target.kind,
        model=target.model,
        accept_confidence=threshold,
        timeout_s=spec.timeout_s if spec.timeout_s is not None else target.timeout_s,
        retries=spec.retries if spec.retries is not None else target.retries,
        first_token_s=spec.first_token_s if spec.first_token_s is not None else target.first_token_s,
        acceptance=words,
    )
