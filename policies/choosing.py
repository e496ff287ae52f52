"""Orders the targets of `choose:`: the chosen one first, then its fallbacks."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.facts import Facts
    from policies.model import PlanSpec


def chosen_first(spec: PlanSpec, facts: Facts, usable: list[str]) -> list[str]:
    """The usable targets in the order in which `spec.choose` wants them tried.

    `best`: by falling worth (see `worth`). `cheapest`, `fastest`: the one with the least expected cost, or the least
    95th percentile of latency, of those that reach `success` (unknown counts as highest), then the others that reach
    it by rising success (the next step up first), then those that do not by falling success; if none reaches it, the
    most likely to succeed comes first. Ties keep the order of `among`. A success that is not known counts as 0.
    """
    if spec.choose == "best":
        return sorted(usable, key=lambda name: -worth(facts, name))
    by_success = sorted(usable, key=lambda name: -success(facts, name))
    threshold = spec.success or 0.0
    strong = [name for name in usable if success(facts, name) >= threshold]
    if not strong:
        return by_success
    price = facts.cost_usd if spec.choose == "cheapest" else facts.latency_p95_ms
    chosen = min(strong, key=lambda name: (price.get(name, inf), -success(facts, name)))
    others = sorted((name for name in strong if name != chosen), key=lambda name: success(facts, name))
    return [chosen, *others, *(name for name in by_success if name not in strong)]


def success(facts: Facts, name: str) -> float:
    """Probability that the target answers acceptably; 0 when it is not known."""
    return facts.success.get(name, 0.0)


def worth(facts: Facts, name: str) -> float:
    """Success less what the shadow prices charge: the Lagrangian of the best success within `limits`.

    While a limit binds, a target whose cost or latency is not known is worth nothing that could be compared: it
    comes last.
    """
    return (
        success(facts, name)
        - _charge(facts.shadow_usd, facts.cost_usd, name)
        - _charge(facts.shadow_s / 1000.0, facts.latency_p95_ms, name)
    )


def _charge(price: float, amounts: Mapping[str, float], name: str) -> float:
    return price * amounts.get(name, inf) if price > 0 else 0.0
