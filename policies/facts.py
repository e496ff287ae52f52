"""What a policy may look at: the plain facts of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Facts:
    """One request as the engine sees it. Probabilities lie in 0-1, money is USD, times are seconds.

    The gateway fills it (`gateway/decide.py`); tests and `pointsman policy` may build one by hand.
    """

    model: str = "auto"
    """The model name as the client asked for it."""
    tenant: str = "default"
    key: str = ""
    """Public id of the API key, empty in open mode; never the secret."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers with lower-case names, without credentials."""
    stream: bool = False
    tools: bool = False
    """The request offers tools (or legacy functions) to the model."""
    json_schema: bool = False
    modalities: frozenset[str] = frozenset({"text"})
    tokens: int = 0
    max_output_tokens: int | None = None
    request_id: str = ""
    session: str = ""
    """Names the conversation; empty when the client sends no name for it."""
    hour_utc: float = 0.0
    """Time of day in UTC as a fraction of hours, 0 <= h < 24."""

    task: str = "chat"
    task_confidence: float = 0.0
    domain: str = "other"
    domain_confidence: float = 0.0
    difficulty: float = 1.0
    pii: float = 0.0
    injection: float = 0.0
    language: str = "und"

    success: Mapping[str, float] = field(default_factory=dict)
    """Target name -> probability of an acceptable answer."""
    cost_usd: Mapping[str, float] = field(default_factory=dict)
    """Target name -> expected cost of answering this request; a target of unknown price is absent."""
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Target -> why this caller may not use it, in words."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Target name -> why it cannot be called now, e.g. "set `OPENAI_API_KEY`"."""
    latency_p95_ms: Mapping[str, float] = field(default_factory=dict)
    """Target -> 95th percentile of the time to its first piece, of late; absent when too little is known."""
    shadow_usd: float = 0.0
    """Shadow price of `limits: usd_per_day`: the probability of success that one USD must buy. 0 while it is slack."""
    shadow_s: float = 0.0
    """Shadow price of `limits: latency_p95_ms`: the probability of success that one second must buy."""
    settled: Mapping[str, str] = field(default_factory=dict)
    """`Sticky.name` -> the target that answered the session's (key's, tenant's) last request there, of late."""
    ended: frozenset[str] = frozenset()
    """Experiments that are over, by their evidence, their money or by hand; they concern no request."""
