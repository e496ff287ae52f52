"""The tables: records, policies, processes. No prompt and no answer is in them."""

from __future__ import annotations

from sqlalchemy import JSON, Float, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Metadata of every table."""


class RecordRow(Base):
    """One request: how it was routed, what it cost, how it ended. Times are Unix seconds, money is USD."""

    __tablename__ = "records"

    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    trace_id: Mapped[str] = mapped_column(String(32))
    tenant: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    model_asked: Mapped[str] = mapped_column(String(256))
    stream: Mapped[bool]
    status: Mapped[str] = mapped_column(String(16))
    http_status: Mapped[int] = mapped_column(Integer)
    error_code: Mapped[str | None] = mapped_column(String(64))
    finish_reason: Mapped[str | None] = mapped_column(String(32))
    policy_version: Mapped[str] = mapped_column(String(16))
    classifier_version: Mapped[str] = mapped_column(String(32))
    rule: Mapped[str] = mapped_column(String(64))
    propensity: Mapped[float] = mapped_column(Float)
    steps: Mapped[list[str]] = mapped_column(JSON)
    target: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(256))
    degraded: Mapped[str | None] = mapped_column(String(64))
    cache: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[float | None]
    signals: Mapped[dict[str, object] | None] = mapped_column(JSON)
    attempts: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    usage_estimated: Mapped[bool]
    cost_usd: Mapped[float | None]
    counterfactual_usd: Mapped[float | None]
    overhead_ms: Mapped[float] = mapped_column(Float)
    first_byte_ms: Mapped[float] = mapped_column(Float)
    total_ms: Mapped[float] = mapped_column(Float)
    degradations: Mapped[list[str]] = mapped_column(JSON)
    facts: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    """What the decision was made on beyond the other columns, see `gateway/records/facts.py`. Since schema 2."""

    __table_args__ = (Index("ix_records_at", "at"), Index("ix_records_tenant_at", "tenant", "at"))


class FeedbackRow(Base):
    """How good an answer was, as somebody said who knows; the last word on a request counts."""

    __tablename__ = "feedback"

    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    tenant: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    score: Mapped[float] = mapped_column(Float)
    comment: Mapped[str | None] = mapped_column(String(2000))


class ShadowRow(Base):
    """What a target beside the answer made of a request. Text is kept only where a policy says `keep_answers`."""

    __tablename__ = "shadows"

    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    target: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    policy_version: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str] = mapped_column(String(64))
    experiment: Mapped[str | None] = mapped_column(String(64))
    propensity: Mapped[float] = mapped_column(Float)
    """Probability with which it was drawn."""
    model: Mapped[str] = mapped_column(String(256))
    status: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(String(64))
    ms: Mapped[float] = mapped_column(Float)
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    cost_usd: Mapped[float | None]
    confidence: Mapped[float | None]
    agrees: Mapped[bool | None]
    """Whether it said what the client got, but for case, outer punctuation and spacing; null if it said nothing."""
    answer: Mapped[str | None] = mapped_column(Text)
    released_answer: Mapped[str | None] = mapped_column(Text)
    released_usd: Mapped[float | None]
    """What the answer cost that the client got, and how long its target took for all of it."""
    released_ms: Mapped[float | None]

    __table_args__ = (Index("ix_shadows_at", "at"),)


class PolicyVersionRow(Base):
    """One version of the policy of one `scope`. `at` is in Unix seconds."""

    __tablename__ = "policy_versions"

    scope: Mapped[str] = mapped_column(String(512), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)
    author: Mapped[str] = mapped_column(String(128))
    reason: Mapped[str] = mapped_column(String(2000))
    origin: Mapped[str] = mapped_column(String(16))
    changes: Mapped[dict[str, object]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_policy_versions_version", "scope", "version"),)


class GatewayProcessRow(Base):
    """One gateway process. `seen` is in Unix seconds by the clock of its host."""

    __tablename__ = "gateway_processes"

    process: Mapped[str] = mapped_column(String(255), primary_key=True)
    scope: Mapped[str] = mapped_column(String(512))
    policy: Mapped[str] = mapped_column(String(64))
    seen: Mapped[float] = mapped_column(Float)


class SchemaVersion(Base):
    """The version of all tables here: one row."""

    __tablename__ = "schema_version"

    only: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer)


class TrialRow(Base):
    """A request that took part in an experiment, in the order in which it was written. See `gateway/experiments`."""

    __tablename__ = "trials"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    request_id: Mapped[str] = mapped_column(String(64))
    definition: Mapped[str] = mapped_column(String(16))
    at: Mapped[float] = mapped_column(Float)
    arm: Mapped[str] = mapped_column(String(16))
    propensity: Mapped[float] = mapped_column(Float)
    """Probability of the treatment, whichever arm it became."""
    unit: Mapped[str | None] = mapped_column(String(16))
    failed: Mapped[bool]
    cost_usd: Mapped[float | None]
    latency_ms: Mapped[float | None]
    control_usd: Mapped[float | None]
    """Of a shadow: what the answer cost that the client got."""
    control_ms: Mapped[float | None]
    agrees: Mapped[bool | None]

    __table_args__ = (
        UniqueConstraint("request_id", "definition"),
        Index("ix_trials_definition", "definition", "id"),
    )


class ExperimentRow(Base):
    """What an experiment was when trials were taken under it."""

    __tablename__ = "experiments"

    digest: Mapped[str] = mapped_column(String(16), primary_key=True)
    definition: Mapped[dict[str, object]] = mapped_column(JSON)
    share: Mapped[float] = mapped_column(Float)
    """The share when it was last in force."""
    policy_version: Mapped[str] = mapped_column(String(16))
    since: Mapped[float] = mapped_column(Float)


class EventRow(Base):
    """Something that happened by itself and that people want to know of."""

    __tablename__ = "events"

    name: Mapped[str] = mapped_column(String(96), primary_key=True)
    """What can happen once only, so that of many processes that see it one writes it."""
    at: Mapped[float] = mapped_column(Float)
    kind: Mapped[str] = mapped_column(String(32))
    experiment: Mapped[str] = mapped_column(String(64))
    definition: Mapped[str] = mapped_column(String(16))
    policy_version: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500))
    evidence: Mapped[dict[str, object]] = mapped_column(JSON)

    __table_args__ = (Index("ix_events_at", "at"),)


class PacingRow(Base):
    """What requests took since the last step of the controller of `limits`, and what it remembers: one row."""

    __tablename__ = "pacing"

    only: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    requests: Mapped[int] = mapped_column(Integer)
    usd: Mapped[float] = mapped_column(Float)
    slow: Mapped[int] = mapped_column(Integer)
    stepped_at: Mapped[float] = mapped_column(Float)
    state: Mapped[dict[str, object]] = mapped_column(JSON)
    shadow_usd: Mapped[float] = mapped_column(Float)
    shadow_s: Mapped[float] = mapped_column(Float)


class ApiKeyRow(Base):
    """One secret of a client's key, as its HMAC. `revision` is raised with every change. Since schema 7."""

    __tablename__ = "api_keys"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64))
    """Names the key in records and spans; a key that is rotated has several secrets."""
    pepper: Mapped[str] = mapped_column(String(16))
    tenant: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[dict[str, object]] = mapped_column(JSON)
    limits: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
    revision: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("ix_api_keys_id", "id"),)


class ResponseRow(Base):
    """A response of `/v1/responses` that may be gone on from. Since schema 8."""

    __tablename__ = "responses"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)
    response: Mapped[dict[str, object]] = mapped_column(JSON)
    messages: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    """The conversation in chat messages, this answer included."""

    __table_args__ = (Index("ix_responses_at", "at"),)
