"""`POST /v1/route`: what would happen to a chat request, and why, without calling any model."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from gateway import decide, refuse
from gateway.api import errors, http
from gateway.api.chat import call_of
from gateway.api.entry import JSON
from gateway.api.headers import stamped
from gateway.auth import authorise
from gateway.classify import classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Send

    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.live import LivePolicy
    from gateway.types import Call
    from policies.decision import Decision
    from routers.signals import RequestText, Signals
    from routers.spans import Span

Json = dict[str, Any]


class Reader(Protocol):
    """A classifier that also finds personal data."""

    @property
    def quick(self) -> bool: ...

    @property
    def version(self) -> str: ...

    def classify(self, text: RequestText) -> Signals: ...

    def spans(self, text: str) -> tuple[Span, ...]: ...


class Routing:
    """Decides and tells. Nothing is recorded, and no experiment takes note."""

    def __init__(self, classifier: Reader, policy: Callable[[], LivePolicy]) -> None:
        self._classifier = classifier
        self._policy = policy

    async def serve(self, body: bytes, arrival: Arrival, send: Send) -> None:
        live = self._policy()
        call = call_of(body, arrival)
        authorise(call.caller, model=call.model)
        if not live.compiled.knows_model(call.model):
            raise refuse.unknown_model(call, live)
        signals = await classify(self._classifier, call.text)
        decision = decide.decide(call, signals, live)
        answer = explained(signals, decision, live, call)
        answer["personal_spans"] = await asyncio.to_thread(personal_spans, self._classifier, call.text.user)
        headers = stamped(arrival.request_id, arrival.received_ns)
        await http.send_whole(send, 200, headers, msgspec.json.encode(answer), JSON)

    def refuse(self, error: GatewayError, request_id: str) -> tuple[bytes, http.Headers]:
        return errors.envelope(error), []


def personal_spans(classifier: Reader, text: str) -> list[Json]:
    """Personal data in what the user said last, with its places."""
    return [span._asdict() for span in classifier.spans(text)]


def explained(signals: Signals, decision: Decision, live: LivePolicy, call: Call) -> Json:
    """A decision on a call with everything that led to it."""
    costs = live.prices.expected(signals.tokens, call.max_output_tokens)
    plan = decision.plan
    return {
        "signals": signals_shown(signals, live),
        "decision": {
            "rule": decision.rule,
            "target": plan.first,
            "policy": decision.policy_version,
            "experiment": decision.experiment,
            "arm": decision.arm,
            "propensity": decision.propensity,
            "steps": [{**asdict(step), "expected_cost_usd": costs.get(step.target)} for step in plan.steps],
            "chain": [asdict(stage) for stage in plan.chain],
            "sticky": asdict(plan.sticky) if plan.sticky else None,
            "hedge": asdict(plan.hedge) if plan.hedge else None,
            "shadows": [asdict(shadow) for shadow in plan.shadows],
            "skipped": [asdict(skipped) for skipped in plan.skipped],
            "degraded": plan.degraded,
            "considered": [
                {**considered._asdict(), "checks": [check._asdict() for check in considered.checks]}
                for considered in decision.considered
            ],
        },
    }


def signals_shown(signals: Signals, live: LivePolicy) -> Json:
    """Every signal of a request, probabilities to four digits."""
    success = decide.target_success(live.policy, signals)
    return {
        "task": signals.task,
        "task_confidence": round(signals.task_confidence, 4),
        "domain": signals.domain,
        "domain_confidence": round(signals.domain_confidence, 4),
        "difficulty": round(signals.difficulty, 4),
        "success": {name: round(p, 4) for name, p in success.items()},
        "pii": round(signals.pii, 4),
        "injection": round(signals.injection, 4),
        "language": signals.language,
        "tokens": signals.tokens,
    }
