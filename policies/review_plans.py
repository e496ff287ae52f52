"""Warns of plans that cannot do what is asked: no fallback, no capable step, caps and thresholds out of reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.eligibility import supports
from policies.findings import quote
from policies.reason.budget import Budget, TooEntangledError
from policies.reason.formula import ALWAYS, All, Literal, flag, formula, negation
from policies.reason.sets import Numbers
from policies.reason.solve import satisfiable
from policies.validate_when import Problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.document import Loc
    from policies.knowledge import CostOf
    from policies.model import PlanSpec, Policy
    from policies.reason.formula import Formula
    from policies.reason.solve import Domain

_POLICY_BUDGET, _PLAN_BUDGET = 300_000, 20_000
_WORDS = {"tools": "tools", "json_schema": "JSON schemas", "vision": "images", "audio": "audio"}
_FACT_OF_CAPABILITY = {
    "tools": "tools",
    "json_schema": "json_schema",
    "vision": "modalities.image",
    "audio": "modalities.audio",
}


def plan_reviews(
    policy: Policy, possible: Domain, attainable: Mapping[str, tuple[float, float]], costs: CostOf
) -> Iterator[Problem]:
    """Warnings about each plan, in the light of what its rule lets in."""
    budget = Budget(_POLICY_BUDGET)
    plans = [
        _Plan(policy, rule.then, ("rules", index, "then"), formula(rule.when), possible, budget)
        for index, rule in enumerate(policy.rules)
    ]
    plans.append(_Plan(policy, policy.default, ("default",), ALWAYS, possible, budget))
    hopeless = set()
    for name, target in policy.targets.items():
        cheapest = costs(1, 1).get(name)
        if target.max_cost_usd is not None and cheapest is not None and cheapest > target.max_cost_usd:
            hopeless.add(name)
            why = f"never met: the smallest request to {quote(name)} is expected to cost ${cheapest:.2g}"
            yield warning(("targets", name, "max_cost_usd"), why, "cost")
    for plan in plans:
        yield from plan.fallback()
        yield from plan.capabilities()
        yield from plan.context()
        yield from plan.caps(costs, hopeless)
        yield from plan.success(attainable)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One plan and the requests that come to it."""

    policy: Policy
    spec: PlanSpec
    loc: Loc
    matches: Formula
    possible: Domain
    budget: Budget

    @property
    def names(self) -> list[str]:
        """Known targets that may answer and are not forbidden, in order and each once."""
        named = dict.fromkeys(self.spec.targets)
        return [name for name in named if name in self.policy.targets and not self._forbids(name)]

    @property
    def key(self) -> Loc:
        """Where the targets are listed."""
        for name in ("chain", "steps", "among"):
            if getattr(self.spec, name) is not None:
                return (*self.loc, name)
        return self.loc

    def fallback(self) -> Iterator[Problem]:
        """Plans that end without an answer although another target could give one."""
        targets = self.policy.targets
        kinds = {targets[name].kind for name in self.names}
        others = [
            name
            for name in sorted(targets, key=lambda name: targets[name].kind != "upstream")
            if targets[name].kind != "specialist"
            and name not in self.spec.targets
            and not self._forbids(name)
        ]
        if kinds == {"specialist"}:
            why = "no fallback: a specialist abstains when it is unsure, and then nothing answers"
        elif kinds and "upstream" not in kinds and self.spec.accept is not None:
            why = "no fallback: when every step is less sure than `accept` asks, nothing answers"
        elif len(self.names) == 1 and others and self.spec.chain is None:
            why = f"no fallback: when {quote(self.names[0])} fails, so does the request"
        else:
            return
        hint = f"; name another target after it, e.g. {quote(others[0])}" if others else ""
        yield warning(self.key, why + hint, "fallback")

    def capabilities(self) -> Iterator[Problem]:
        """What every request of the rule needs and no target of the plan can do."""
        for capability, fact in _FACT_OF_CAPABILITY.items():
            able = any(supports(self.policy.targets[name], capability) for name in self.names)
            if self.names and not able and self._implies(fact):
                words = _WORDS[capability]
                why = (
                    f"never runs: every request of this rule needs {words}, and no target here supports them"
                )
                yield warning(self.key, why, "capability")

    def context(self) -> Iterator[Problem]:
        """Targets too small for the shortest request that the rule lets in."""
        least = self._least("tokens")
        for name in self.names:
            room = self.policy.targets[name].context_tokens
            if room is not None and least > room:
                why = f"{quote(name)} is never used: it has room for {room} tokens, and requests here have {least:g}"
                yield warning(self.key, f"{why} or more", "capability")

    def caps(self, costs: CostOf, hopeless: set[str]) -> Iterator[Problem]:
        """Targets for which the cheapest request that the rule lets in costs more than a cap allows."""
        tokens = max(int(self._least("tokens")), 1)
        cheapest = costs(tokens, max(int(self._least("max_output_tokens")), 1))
        for name in self.names:
            caps = {"max_cost_usd": self.policy.targets[name].max_cost_usd, "budget": self.spec.budget}
            for key, cap in caps.items():
                cost = cheapest.get(name)
                if cap is None or cost is None or cost <= cap or name in hopeless:
                    continue
                least = f"a request of {tokens} tokens" if tokens > 1 else "any request"
                why = f"{quote(name)} is never used: {least} is expected to cost ${cost:.2g}, above {quote(key)}"
                at = (*self.loc, key) if key == "budget" else self.key
                yield warning(at, f"{why} ${cap:.2g}", "cost")

    def success(self, attainable: Mapping[str, tuple[float, float]]) -> Iterator[Problem]:
        """A `success` that none of the targets ever reaches."""
        highest = {n: attainable[f"success.{n}"][1] for n in self.names if f"success.{n}" in attainable}
        if self.spec.success is None or not highest or len(highest) < len(self.names):
            return
        best = max(highest, key=highest.__getitem__)
        if highest[best] < self.spec.success:
            why = (
                f"never reached: no target here can have more than {highest[best]:.4g}, that of {quote(best)}"
            )
            yield warning((*self.loc, "success"), why, "bounds")

    def _forbids(self, name: str) -> bool:
        return name in self.spec.forbid or self.policy.targets[name].kind in self.spec.forbid

    def _implies(self, fact: str) -> bool:
        """Whether every request that comes here has this flag."""
        share = self.budget.share(_PLAN_BUDGET)
        try:
            without = satisfiable([self.matches, negation(flag(fact))], self.possible, share)
            return not without and satisfiable([self.matches], self.possible, share)
        except TooEntangledError:
            return False
        finally:
            self.budget.refund(share)

    def _least(self, fact: str) -> float:
        """A lower bound on a count, from what the rule says of it outside of `any` and `not`."""
        bounds = [
            bound for literal in _conjoined(self.matches) if (bound := _lower(literal, fact)) is not None
        ]
        return max(bounds, default=0.0)


def _conjoined(part: Formula) -> Iterator[Literal]:
    if isinstance(part, Literal):
        yield part
    elif isinstance(part, All):
        for inner in part.parts:
            yield from _conjoined(inner)


def _lower(literal: Literal, fact: str) -> float | None:
    if literal.fact != fact or not isinstance(literal.holds, Numbers) or literal.holds.absent:
        return None
    low = literal.holds.spans[0][0][0]
    return low if low > 0 else None
