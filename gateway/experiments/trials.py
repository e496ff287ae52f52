"""From a finished request to its trial: what an experiment remembers of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.experiments.definition import Running
    from gateway.records.store import Row
    from gateway.types import Outcome


def trial(outcome: Outcome, experiment: Running) -> Row:
    """The row of a request that took part in an experiment.

    It counts for the arm that it was drawn to, whoever answered in the end (intention to treat). So a treatment whose
    failures are caught by a fallback is not flattered: a failed attempt counts as an error.
    """
    decision = outcome.decision
    first = outcome.first_byte_ms or (outcome.total_ms if outcome.status == "cancelled" else None)
    return {
        "request_id": outcome.call.request_id,
        "definition": experiment.digest,
        "at": outcome.call.received_ns / 1e9,
        "arm": (decision.arm if decision else None) or "control",
        "propensity": experiment.share,
        "unit": experiment.unit(outcome.call),
        "failed": failed(outcome),
        "cost_usd": cost_usd(outcome),
        "latency_ms": None if outcome.status == "error" else first,
        "control_usd": None,
        "control_ms": None,
        "agrees": None,
    }


def shadow_trial(row: Row, experiment: Running) -> Row:
    """The row of a call of a shadow, from its row of the table `shadows`, with what the answer took beside it."""
    return {
        "request_id": row["request_id"],
        "definition": experiment.digest,
        "at": row["at"],
        "arm": "shadow",
        "propensity": row["propensity"],
        "unit": None,
        "failed": row["status"] == "failed",
        "cost_usd": row["cost_usd"],
        "latency_ms": row["ms"],
        "control_usd": row["released_usd"],
        "control_ms": row["released_ms"],
        "agrees": row["agrees"],
    }


def failed(outcome: Outcome) -> bool:
    """Whether the request ended in an error, or a target on its way did. Declining and being unsure are no errors."""
    return outcome.status == "error" or any(attempt.status == "failed" for attempt in outcome.attempts)


def cost_usd(outcome: Outcome) -> float | None:
    """What all attempts cost together; None when an answer has no known price."""
    if outcome.usage is not None and outcome.cost_usd is None:
        return None
    return (outcome.cost_usd or 0.0) + sum(attempt.cost_usd or 0.0 for attempt in outcome.attempts[:-1])
