"""From a record back to facts, and to the decision that another policy would have made on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.decide import FALLBACK_SUCCESS, ability_of
from gateway.records.facts import embedding
from gateway.records.replay import Decided
from policies.facts import Facts
from policies.replay import Observed, decide_again

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.records.reading import Stored
    from gateway.telemetry.cost import Prices
    from policies.engine import CompiledPolicy
    from routers.classifier import RequestClassifier

CACHE_HIT: Final = "answered from the cache: nothing was decided"
NOT_DECIDED: Final = "turned away before a decision: unknown model, or the client had left"
NO_FACTS: Final = "recorded before facts were kept (schema 1)"
MODEL_CUT: Final = "the model asked for was too long to keep"
SESSION_CUT: Final = "the name of the session was too long to keep"


@dataclass(frozen=True, slots=True)
class View:
    """One policy with what it takes to decide records under it."""

    compiled: CompiledPolicy
    prices: Prices
    classifier: RequestClassifier
    abilities: Mapping[str, str | None]
    """Target -> the ability vector of this classifier that stands for it."""
    predicted: frozenset[str]
    """Targets whose success is predicted, by an ability or, for a local one, by difficulty; else it is a constant."""

    @classmethod
    def of(cls, compiled: CompiledPolicy, prices: Prices, classifier: RequestClassifier) -> View:
        """Look up once what is the same for every record."""
        known = frozenset(classifier.abilities)
        abilities = {name: ability_of(name, target, known) for name, target in compiled.targets.items()}
        predicted = {n for n, t in compiled.targets.items() if t.kind == "local" or abilities[n] is not None}
        return cls(compiled, prices, classifier, abilities, frozenset(predicted))

    def decide(self, record: Stored) -> Decided | str:
        """The decision under this policy, or why it cannot be known."""
        facts = self.facts(record)
        if isinstance(facts, str):
            return facts
        decision = decide_again(self.compiled, facts)
        if isinstance(decision, str):
            return f"the policy reads `{decision}`, which was not recorded"
        return Decided(decision, {n: p for n, p in facts.success.items() if n in self.predicted})

    def facts(self, record: Stored) -> Facts | str:
        """What this policy may look at, or why that cannot be known."""
        kept, signals = record.facts or {}, record.signals or {}
        if (gap := _gap(record)) is not None:
            return gap
        hour = time.gmtime(record.at)
        tokens, limit = int(signals["tokens"]), kept.get("max_output_tokens")
        return Facts(
            model=kept.get("model", record.model_asked),
            tenant=record.tenant,
            key=record.key,
            metadata=Observed(kept.get("metadata")),
            headers=Observed(kept.get("headers")),
            stream=record.stream,
            tools=bool(kept.get("tools")),
            json_schema=bool(kept.get("json_schema")),
            modalities=frozenset(kept.get("modalities", ("text",))),
            tokens=tokens,
            max_output_tokens=limit,
            request_id=record.request_id,
            session=kept.get("session", ""),
            hour_utc=hour.tm_hour + hour.tm_min / 60,
            task=signals["task"],
            task_confidence=signals["task_confidence"],
            domain=signals["domain"],
            domain_confidence=signals["domain_confidence"],
            difficulty=signals["difficulty"],
            pii=signals["pii"],
            injection=signals["injection"],
            language=signals["language"],
            success=self.success(record),
            cost_usd=self.prices.expected(tokens, limit),
            withheld=kept.get("withheld", {}),
            unavailable=dict.fromkeys(kept.get("unavailable", ()), "could not be called then"),
            latency_p95_ms=kept.get("latency_p95_ms", {}),
            shadow_usd=kept.get("shadow_usd", 0.0),
            shadow_s=kept.get("shadow_s", 0.0),
            settled=kept.get("settled", {}),
            ended=frozenset(kept.get("ended", ())),
        )

    def success(self, record: Stored) -> Observed:
        """The success of each target; those are missing whose ability this classifier cannot tell for the record."""
        known, abilities = self._known(record)
        found = Observed()
        for name, target in self.compiled.targets.items():
            if (ability := abilities[name]) is not None:
                if known is not None:
                    found[name] = known[ability]
            elif target.kind == "local":
                found[name] = 1.0 - (record.signals or {})["difficulty"]
            else:
                found[name] = FALLBACK_SUCCESS[target.kind]
        return found

    def _known(self, record: Stored) -> tuple[Mapping[str, float] | None, Mapping[str, str | None]]:
        """Success by ability, and each target's ability; None for embeddings that mean nothing to this classifier."""
        kept = record.facts or {}
        if "success" in kept:
            told: dict[str, float] = kept["success"]
            return told, {n: ability_of(n, target, told) for n, target in self.compiled.targets.items()}
        if _artifact(record.classifier_version) != _artifact(self.classifier.version):
            return None, self.abilities
        vector = embedding(kept)
        try:
            return None if vector is None else self.classifier.success(vector), self.abilities
        except ValueError:
            return None, self.abilities


def _gap(record: Stored) -> str | None:
    """Why a record says too little to decide its request again under any policy; None when it says enough."""
    if record.cache == "hit":
        return CACHE_HIT
    if record.facts is None or record.signals is None:
        return NO_FACTS if record.signals else NOT_DECIDED
    if record.facts.get("model", "") is None:
        return MODEL_CUT
    return SESSION_CUT if record.facts.get("session", "") is None else None


def _artifact(version: str) -> str:
    """The version without what was placed beside it, which does not change how requests are embedded."""
    return version.partition("+")[0]
