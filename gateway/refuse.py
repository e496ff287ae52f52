"""Why a call gets no answer, in the words of what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import NoUpstreamConfigured, NoUsableTarget, UnknownModel

if TYPE_CHECKING:
    from gateway.errors import GatewayError
    from gateway.live import LivePolicy
    from gateway.types import Call
    from policies.decision import Decision, Skipped


def unknown_model(call: Call, live: LivePolicy) -> UnknownModel:
    """The model asked for is neither a target, nor an alias, nor named by a rule."""
    known = ", ".join(f"`{name}`" for name in ("auto", *live.policy.targets))
    return UnknownModel(
        f"The model `{call.model[:80]}` is not known here; use one of {known}, or add an alias to the policy.",
        param="model",
    )


def no_step(call: Call, decision: Decision, live: LivePolicy) -> GatewayError:
    """Why the plan is empty, in the words of what to do about it."""
    if decision.rule == "unknown-model":
        return unknown_model(call, live)
    if missing := wanting(decision, live):
        return no_upstream(missing)
    skipped = decision.plan.skipped
    reasons = "; ".join(f"`{s.target}`: {s.reason}" for s in skipped) or "the plan names no target"
    return NoUsableTarget(f"No target may answer this request under rule `{decision.rule}`: {reasons}.")


def wanting(decision: Decision, live: LivePolicy) -> list[Skipped]:
    """LLMs that the plan names and nobody has configured."""
    return [
        skipped
        for skipped in decision.plan.skipped
        if skipped.cause == "unavailable" and live.policy.targets[skipped.target].kind == "upstream"
    ]


def no_upstream(missing: list[Skipped]) -> NoUpstreamConfigured:
    """The plan needs one of the `missing` LLMs."""
    return NoUpstreamConfigured(
        f"This request needs an LLM and none is configured: {_ways(missing)}. "
        "With `on_missing_upstream: degrade` in the policy the best local model answers instead."
    )


def _ways(missing: list[Skipped]) -> str:
    """What to set, and which targets each setting opens."""
    targets: dict[str, list[str]] = {}
    for skipped in missing:
        targets.setdefault(skipped.reason, []).append(f"`{skipped.target}`")
    return "; or ".join(f"{reason} to reach {' and '.join(names)}" for reason, names in targets.items())
