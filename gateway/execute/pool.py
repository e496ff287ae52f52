"""Which of several deployments of one model gets the next call."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.execute.catalogue import Endpoint
    from gateway.execute.guard import Guard, Guards


def choose(guards: Guards, endpoint: Endpoint, tried: Collection[str]) -> Endpoint:
    """The deployment to call: one that is well and was not `tried` for this request, else well, else any.

    `latency` compares two drawn at random by peak-EWMA latency times calls under way, as Finagle and linkerd do:
    near the best choice, without all gateways rushing to the same one. An endpoint without deployments is itself.
    """
    if not endpoint.deployments:
        return endpoint
    able = _able(guards, endpoint, tried) or _able(guards, endpoint, ()) or endpoint.deployments
    if len(able) == 1:
        return able[0]
    if endpoint.balance == "weighted":
        return random.choices(able, [one.weight for one in able])[0]  # noqa: S311
    if endpoint.balance == "least-busy":
        order = random.sample(able, len(able))
        return min(order, key=lambda one: (guards.of(one).slots.in_use + 1) / one.weight)
    return min(random.sample(able, 2), key=lambda one: _load(guards.of(one), one.weight))


def has_another(guards: Guards, endpoint: Endpoint, tried: Collection[str]) -> bool:
    """Whether a deployment is well that was not tried yet."""
    return bool(endpoint.deployments) and bool(_able(guards, endpoint, tried))


def _able(guards: Guards, endpoint: Endpoint, tried: Collection[str]) -> Sequence[Endpoint]:
    return [one for one in endpoint.deployments if one.deployment not in tried and guards.of(one).well]


def _load(guard: Guard, weight: float) -> float:
    """Expected wait; a deployment that was never called has none, so it is tried soon."""
    return guard.latency_s * (guard.slots.in_use + 1) / weight
