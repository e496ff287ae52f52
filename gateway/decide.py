"""From signals to facts to a decision: the only translator between `routers` and `policies`."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from policies.engine import decide as decide_facts
from policies.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from gateway.live import LivePolicy
    from gateway.types import Call
    from policies.decision import Decision
    from policies.model import Policy, Target
    from routers.signals import Signals

# What a target is taken to be able to do until it is calibrated or the policy says so with `ability:`.
FALLBACK_SUCCESS = {"specialist": 0.5, "local": 0.5, "upstream": 0.9}


def decide(call: Call, signals: Signals, live: LivePolicy, *, explained: bool = True) -> Decision:
    """The plan for a call under the policy that is in force."""
    return decide_on(facts(call, signals, live), live, explained=explained)


def decide_on(some: Facts, live: LivePolicy, *, explained: bool = True) -> Decision:
    """The plan for facts under the policy that is in force."""
    return decide_facts(live.compiled, some, explained=explained)


def facts(
    call: Call, signals: Signals, live: LivePolicy, settled: Mapping[str, str] = MappingProxyType({})
) -> Facts:
    """Everything that a policy may look at; `settled` says who answered the session before, see `gateway.affinity`."""
    hour = time.gmtime(call.received_ns / 1e9)
    feedback = live.feedback
    control = feedback.control
    return Facts(
        model=call.model,
        tenant=call.caller.tenant,
        key=call.caller.key,
        metadata=call.metadata,
        headers=call.headers,
        stream=call.stream,
        tools=call.tools,
        json_schema=call.json_schema,
        modalities=call.modalities,
        tokens=signals.tokens,
        max_output_tokens=call.max_output_tokens,
        request_id=call.request_id,
        session=call.metadata.get("session_id") or call.headers.get("x-session-id", ""),
        hour_utc=hour.tm_hour + hour.tm_min / 60,
        task=signals.task,
        task_confidence=signals.task_confidence,
        domain=signals.domain,
        domain_confidence=signals.domain_confidence,
        difficulty=signals.difficulty,
        pii=signals.pii,
        injection=signals.injection,
        language=signals.language,
        success=target_success(live.policy, signals),
        cost_usd=live.prices.expected(signals.tokens, call.max_output_tokens),
        unavailable=live.missing,
        withheld=call.caller.scopes.withheld(live.policy.targets) if call.caller.scopes else {},
        latency_p95_ms=feedback.latency_p95_ms,
        shadow_usd=control.shadow_usd,
        shadow_s=control.shadow_s,
        settled=settled,
        ended=control.ended,
    )


def ability_of(name: str, target: Target, known: Container[str]) -> str | None:
    """The ability vector that stands for a target: its own where there is one of its name, else `ability:`."""
    if name in known:
        return name
    return target.ability if target.ability is not None and target.ability in known else None


def target_success(policy: Policy, signals: Signals) -> Mapping[str, float]:
    """For each target the probability of an acceptable answer, by the ability vector that stands for it.

    A local model without an ability counts as the reference small tier, whose failure `difficulty` predicts.
    """
    found: dict[str, float] = {}
    for name, target in policy.targets.items():
        ability = ability_of(name, target, signals.success)
        if ability is not None:
            found[name] = signals.success[ability]
        elif target.kind == "local":
            found[name] = 1.0 - signals.difficulty
        else:
            found[name] = FALLBACK_SUCCESS[target.kind]
    return found
