"""Records as replay reads them back, made by the code that writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from gateway import decide
from gateway.record import row
from gateway.records.facts import logged
from gateway.records.reading import Stored
from gateway.redecide import View
from gateway.telemetry.cost import Prices
from gateway.types import Attempt, Call, Outcome, Usage
from routers.classifier import RequestClassifier
from tests.unit.gateway.build import SIGNALS, call, live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.live import LivePolicy
    from policies.decision import Decision
    from routers.signals import Signals

CLASSIFIER = RequestClassifier.load()


def stored(
    policy: LivePolicy,
    some: Call | None = None,
    signals: Signals = SIGNALS,
    settled: Mapping[str, str] | None = None,
    **changes: Any,
) -> tuple[Stored, Decision]:
    """The record of a call that the first step of its plan answered, as JSON brings it back, and its decision."""
    some = some or call()
    facts = decide.facts(some, signals, policy, settled or {})
    decision = decide.decide_on(facts, policy)
    first = decision.plan.first
    attempts = (Attempt(first, "m", "p", "ok", 0, 5_000_000, cost_usd=0.001),) if first else ()
    outcome = Outcome(
        some,
        "ok" if first else "error",
        "miss",
        signals=signals,
        decision=decision,
        logged=logged(some, facts, policy.inputs),
        rule=decision.rule,
        target=first or "",
        attempts=attempts,
        usage=Usage(100, 50),
        cost_usd=0.001,
        policy_version=policy.version,
        total_ms=7.0,
    )
    written = row(replace(outcome, **changes), CLASSIFIER.version)
    return msgspec.json.decode(msgspec.json.encode(written), type=Stored), decision


def view(policy: LivePolicy | None = None) -> View:
    """A policy to decide records under."""
    policy = policy or live()
    return View.of(policy.compiled, Prices(policy.policy, 0.04), CLASSIFIER)
