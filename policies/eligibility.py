"""Whether a target may and can take a request: forbidden, incapable, too dear or not there."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from policies.decision import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from policies.facts import Facts
    from policies.model import Target

_CAPABILITY_OF_MODALITY = {"image": "vision", "audio": "audio"}
_CAPABILITY_WORDS = {"tools": "tools", "json_schema": "JSON schemas", "vision": "images", "audio": "audio"}
_TEXT_ONLY = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Targets that a matching rule rules out, by kind or by name."""

    rule: str
    names: tuple[str, ...]


class Eligibility:
    """Answers for one request which targets may take it. Everything that a plan runs has passed `obstacle`."""

    __slots__ = ("budget", "facts", "forbidden", "needs", "targets", "unproved")

    def __init__(
        self,
        targets: Mapping[str, Target],
        facts: Facts,
        forbidden: tuple[Forbidden, ...],
        budget: float | None,
        *,
        offers: bool = True,
        unproved: Mapping[str, Skipped] = MappingProxyType({}),
    ) -> None:
        """`budget` and `unproved` are the plan's; without `offers`, tools that are merely offered do not count."""
        self.targets = targets
        self.facts = facts
        self.forbidden = forbidden
        self.budget = budget
        self.needs = tuple(_needs(facts, offers=offers))
        self.unproved = unproved

    def obstacle(self, name: str) -> Skipped | None:
        """Why this target cannot answer the request, lasting reasons before passing ones; None if it can."""
        return self._barred(name) or self.unproved.get(name) or self._not_now(name)

    def allows(self, name: str) -> bool:
        """Whether nothing keeps the target from answering the request."""
        return self.obstacle(name) is None

    def may_see(self, name: str) -> bool:
        """Whether nothing keeps the target from taking the request, its answer not being released."""
        return self._barred(name) is None and self._not_now(name) is None

    def _barred(self, name: str) -> Skipped | None:
        """What no other moment changes."""
        target = self.targets.get(name)
        if target is None:  # only where a policy was compiled against the findings of `validate`
            return Skipped(name, "the policy has no such target", "incapable")
        for ban in self.forbidden:
            if name in ban.names or target.kind in ban.names:
                return Skipped(name, f"forbidden by rule `{ban.rule}`", "forbidden")
        if name in self.facts.withheld:
            return Skipped(name, self.facts.withheld[name], "forbidden")
        if (lack := self._incapable(target)) is not None:
            return Skipped(name, lack, "incapable")
        return None

    def _not_now(self, name: str) -> Skipped | None:
        """What this request costs, and whether the target is there."""
        target = self.targets[name]
        if (cost := self.facts.cost_usd.get(name)) is not None:
            for cap in (target.max_cost_usd, self.budget):
                if cap is not None and cost > cap:
                    return Skipped(name, f"expected to cost ${cost:.4g}, above ${cap:.4g}", "too_costly")
        if name in self.facts.unavailable:
            return Skipped(name, self.facts.unavailable[name], "unavailable")
        return None

    def _incapable(self, target: Target) -> str | None:
        for capability in self.needs:
            if not supports(target, capability):
                return f"does not support {_CAPABILITY_WORDS.get(capability, capability)}"
        if target.context_tokens is not None:
            needed = self.facts.tokens + (self.facts.max_output_tokens or 0)
            if needed > target.context_tokens:
                return f"needs {needed} tokens of context and has {target.context_tokens}"
        return None


def _needs(facts: Facts, *, offers: bool) -> Iterable[str]:
    """Capabilities the request calls for."""
    if facts.tools and offers:
        yield "tools"
    if facts.json_schema:
        yield "json_schema"
    if facts.modalities != _TEXT_ONLY:
        for modality in sorted(facts.modalities):
            if modality != "text":
                yield _CAPABILITY_OF_MODALITY.get(modality, modality)


def supports(target: Target, capability: str) -> bool:
    """Whether a target can do it: what it says, else everything for an upstream and nothing for the rest."""
    if target.supports is None:
        return target.kind == "upstream"
    return capability in target.supports
