"""Turns the plan a rule asks for into steps that can run for this request, and says what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.decision import CachePlan, Plan, Skipped, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from policies.facts import Facts
    from policies.model import PlanSpec, Policy, Target

MISSING_UPSTREAM = "missing-upstream"
"""`Plan.degraded` when a local model stands in for an upstream that is not there."""

_CAPABILITY_OF_MODALITY = {"image": "vision", "audio": "audio"}
_CAPABILITY_WORDS = {"tools": "tools", "json_schema": "JSON schemas", "vision": "images", "audio": "audio"}


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Targets that a matching rule rules out, by kind or by name."""

    rule: str
    names: tuple[str, ...]


def build_plan(policy: Policy, spec: PlanSpec, facts: Facts, forbidden: tuple[Forbidden, ...]) -> Plan:
    """The usable steps of `spec` in order; what is forbidden, incapable, too costly or missing is skipped.

    If that leaves no step because upstreams are missing, and the plan (or else the policy) says
    `on_missing_upstream: degrade`, the local target most likely to succeed stands in.
    """
    named = spec.steps if spec.steps is not None else spec.among or ()
    skipped: list[Skipped] = []
    usable: list[str] = []
    for name in dict.fromkeys(named):
        if (reason := _obstacle(name, policy.targets.get(name), facts, forbidden)) is None:
            usable.append(name)
        else:
            skipped.append(reason)
    cache = CachePlan(spec.cache.exact, spec.cache.ttl_s, spec.cache.sampled)
    if _lacks_upstream(policy, spec, facts, usable, skipped):
        stand_in = _stand_in(policy, spec, facts, forbidden)
        if stand_in is None:
            return Plan((), cache, (*skipped, *_too_weak(usable, facts)))
        step = _step(policy.targets[stand_in], stand_in, spec, accept=None)
        return Plan((step,), cache, tuple(skipped), MISSING_UPSTREAM)
    accept = spec.accept.confidence if spec.accept is not None else None
    ordered = usable if spec.steps is not None else _chosen_first(spec, facts, usable)
    return Plan(
        tuple([_step(policy.targets[n], n, spec, accept=accept) for n in ordered]), cache, tuple(skipped)
    )


def _obstacle(
    name: str, target: Target | None, facts: Facts, forbidden: tuple[Forbidden, ...], *, offers: bool = True
) -> Skipped | None:
    """Why this target cannot take the request, lasting reasons before passing ones; None if it can."""
    if target is None:  # only where a policy was compiled against the findings of `validate`
        return Skipped(name, "the policy has no such target", "incapable")
    for ban in forbidden:
        if name in ban.names or target.kind in ban.names:
            return Skipped(name, f"forbidden by rule `{ban.rule}`", "forbidden")
    if (lack := _incapable(target, facts, offers=offers)) is not None:
        return Skipped(name, lack, "incapable")
    cost = facts.cost_usd.get(name)
    if target.max_cost_usd is not None and cost is not None and cost > target.max_cost_usd:
        return Skipped(name, f"expected to cost ${cost:.4g}, above ${target.max_cost_usd:.4g}", "too_costly")
    if name in facts.unavailable:
        return Skipped(name, facts.unavailable[name], "unavailable")
    return None


def _incapable(target: Target, facts: Facts, *, offers: bool) -> str | None:
    for capability in _needs(facts, offers=offers):
        if not _supports(target, capability):
            return f"does not support {_CAPABILITY_WORDS.get(capability, capability)}"
    if target.context_tokens is not None:
        needed = facts.tokens + (facts.max_output_tokens or 0)
        if needed > target.context_tokens:
            return f"needs {needed} tokens of context and has {target.context_tokens}"
    return None


def _needs(facts: Facts, *, offers: bool) -> Iterable[str]:
    """Capabilities the request calls for; without `offers`, tools merely offered do not count."""
    if facts.tools and offers:
        yield "tools"
    if facts.json_schema:
        yield "json_schema"
    for modality in sorted(facts.modalities):
        if modality != "text":
            yield _CAPABILITY_OF_MODALITY.get(modality, modality)


def _supports(target: Target, capability: str) -> bool:
    if target.supports is None:
        return target.kind == "upstream"
    return capability in target.supports


def _lacks_upstream(
    policy: Policy, spec: PlanSpec, facts: Facts, usable: list[str], skipped: list[Skipped]
) -> bool:
    """Whether a missing upstream leaves nothing that does what the plan asks.

    Ordered steps: nothing is usable. `cheapest`: no usable target reaches `success`.
    `best`: a missing upstream would do better than every usable target.
    A choice with an upstream still in it is never called lacking: the best of what is left answers.
    """
    missing = [
        s.target for s in skipped if s.cause == "unavailable" and policy.targets[s.target].kind == "upstream"
    ]
    if not missing or any(policy.targets[name].kind == "upstream" for name in usable):
        return False
    best = max((_success(facts, name) for name in usable), default=-1.0)
    if spec.choose == "cheapest":
        return best < (spec.success or 0.0)
    if spec.choose == "best":
        return best < max(_success(facts, name) for name in missing)
    return not usable


def _stand_in(policy: Policy, spec: PlanSpec, facts: Facts, forbidden: tuple[Forbidden, ...]) -> str | None:
    """The best usable local target if the policy degrades; it may ignore tools that are merely offered."""
    if (spec.on_missing_upstream or policy.on_missing_upstream) != "degrade":
        return None
    able = [
        name
        for name, target in policy.targets.items()
        if target.kind == "local" and _obstacle(name, target, facts, forbidden, offers=False) is None
    ]
    return max(able, key=lambda name: _success(facts, name), default=None)


def _chosen_first(spec: PlanSpec, facts: Facts, usable: list[str]) -> list[str]:
    """The chosen target, then its fallbacks.

    `best`: by falling success. `cheapest`: the cheapest of those that reach `success` (unknown cost counts
    as highest), then the others that reach it by rising success (the next step up first), then those that
    do not by falling success; if none reaches it, the most likely to succeed comes first.
    Ties keep the order of `among`. A success that is not known counts as 0.
    """
    by_success = sorted(usable, key=lambda name: -_success(facts, name))
    if spec.choose == "best":
        return by_success
    threshold = spec.success or 0.0
    strong = [name for name in usable if _success(facts, name) >= threshold]
    if not strong:
        return by_success
    chosen = min(strong, key=lambda name: (facts.cost_usd.get(name, float("inf")), -_success(facts, name)))
    others = sorted((n for n in strong if n != chosen), key=lambda name: _success(facts, name))
    return [chosen, *others, *(name for name in by_success if name not in strong)]


def _success(facts: Facts, name: str) -> float:
    return facts.success.get(name, 0.0)


def _too_weak(usable: list[str], facts: Facts) -> list[Skipped]:
    return [
        Skipped(name, f"likely to answer well with probability {_success(facts, name):.3g} only", "too_weak")
        for name in usable
    ]


def _step(target: Target, name: str, spec: PlanSpec, *, accept: float | None) -> Step:
    """One step. Only local models report a confidence, so only they are held to `accept`."""
    return Step(
        target=name,
        kind=target.kind,
        model=target.model,
        accept_confidence=accept if target.kind != "upstream" else None,
        timeout_s=spec.timeout_s if spec.timeout_s is not None else target.timeout_s,
        retries=spec.retries if spec.retries is not None else target.retries,
    )
