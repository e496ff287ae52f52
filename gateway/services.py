"""The parts of one gateway process, put together in one place."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.affinity import Affinity
from gateway.attempt import Attempts
from gateway.auth import AdminGate, Authenticator, is_loopback
from gateway.cache.memory import MemoryCache
from gateway.climb import Climber
from gateway.confidences import Confidences
from gateway.config import GatewayConfig, load_config
from gateway.direct import Direct
from gateway.errors import StartupError
from gateway.execute.catalogue import Catalogue
from gateway.execute.guard import Guards
from gateway.execute.http import OpenAIExecutor
from gateway.execute.providers import LiteLLMExecutor
from gateway.execute.relay import Relay
from gateway.health import Health
from gateway.judging import comparison
from gateway.keyring import KeyRing, Pepper
from gateway.knowledge import policy_labels
from gateway.live import PolicyHolder
from gateway.pipeline import Pipeline
from gateway.publishing.assembly import Publishing, assemble
from gateway.record import Recorder
from gateway.records.grades import Grades
from gateway.records.keys import Keys, any_key
from gateway.records.responses import Responses
from gateway.records.store import SqlRecordStore, StoreUnusable
from gateway.shadow import Shadows
from gateway.steering import Steering, steer
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.setup import Tracing
from gateway.telemetry.spans import Spans
from policies.by_name import shipped
from policies.findings import Finding
from routers.artifact import ArtifactError
from routers.placed import PlacedAbilities, PlacedError, with_placed
from routers.versions import Versions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from gateway.cache.base import Cache
    from gateway.live import LivePolicy
    from gateway.settings import Settings
    from routers.classifier import RequestClassifier

log = logging.getLogger("pointsman.classifier")
SHIPPED_POLICY = shipped()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a gateway process runs with."""

    settings: Settings
    policy: PolicyHolder
    pipeline: Pipeline
    authenticator: Authenticator
    health: Health
    metrics: Metrics
    tracing: Tracing
    records: SqlRecordStore
    recorder: Recorder
    cache: Cache | None
    executors: tuple[OpenAIExecutor | LiteLLMExecutor, ...]
    shadows: Shadows
    admin: AdminGate
    publishing: Publishing
    classifier: RequestClassifier
    steering: Steering
    ring: KeyRing
    direct: Direct

    @property
    def grades(self) -> Grades:
        """Where callers' grades of answers go."""
        return Grades(self.records.engine)

    @property
    def responses(self) -> Responses:
        """Responses that a later request may go on from."""
        return Responses(self.records.engine, self.settings.responses_days)

    async def prepare(self) -> None:
        """Open what has to be there before the first request; raises `StartupError`."""
        try:
            await self.records.start()
        except StoreUnusable as error:
            raise StartupError([_unusable(error)]) from error
        await self.ring.start()
        await self.publishing.source.start()
        await self.steering.start()

    async def run(self) -> AsyncIterator[None]:
        """Start what runs in the background, yield, and stop it in the reverse order. `prepare` comes first."""
        try:
            async with self.ring.running(), self.publishing.running(), self.steering.running():
                yield
        finally:
            self.health.draining = True
            await self.shadows.close()
            self.recorder.flush()
            for executor in self.executors:
                await executor.close()
            await self.direct.close()
            if self.cache is not None:
                await self.cache.close()
            await self.pipeline.affinity.close()
            await self.records.close()
            await asyncio.to_thread(self.tracing.shutdown)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is read and checked before anything starts."""

    config: GatewayConfig
    classifier: RequestClassifier
    policy: PolicyHolder
    authenticator: Authenticator
    catalogue: Catalogue


def load_all(settings: Settings, metrics: Metrics, environ: Mapping[str, str], host: str) -> Loaded:
    """Read gateway.yaml, the classifier and the policy; raises `StartupError` with every finding of all of them.

    `host` is where the gateway will listen: without keys only this machine may call.
    """
    findings: list[Finding] = []
    config = load_config(settings.config)
    if isinstance(config, list):
        findings += config
        config = GatewayConfig()
    classifier = load_classifier(settings)
    catalogue = Catalogue(config.upstreams, environ, settings.worker_url)
    path = settings.policy or SHIPPED_POLICY
    try:
        holder = PolicyHolder(
            path,
            catalogue,
            policy_labels(classifier, Confidences.of(settings, config)),
            settings.local_usd_per_cpu_hour,
            metrics,
        )
    except StartupError as error:
        raise StartupError([*findings, *error.findings]) from None
    key = settings.api_key.get_secret_value() if settings.api_key else None
    authenticator = Authenticator(config.keys, key)
    if authenticator.open and not is_loopback(host) and not any_key(settings.records_url):
        findings.append(_exposed(settings, host))
    if findings:
        raise StartupError(findings)
    return Loaded(config, classifier, holder, authenticator, catalogue)


async def policy_in_force(settings: Settings, loaded: Loaded) -> LivePolicy:
    """The policy that a gateway would start with, wherever the truth lies; raises `StartupError`."""
    records = _records(settings, lambda _: None)
    try:
        await records.start()
    except StoreUnusable as error:
        raise StartupError([_unusable(error)]) from error
    try:
        await _publishing(settings, loaded, records).source.start()
    finally:
        await records.close()
    return loaded.policy.current


def build(settings: Settings, environ: Mapping[str, str] = os.environ, host: str = "127.0.0.1") -> Services:
    """Put a gateway process together; raises `StartupError`."""
    loaded = load_all(settings, metrics := Metrics(), environ, host)
    spans = Spans(tracing := Tracing(metrics.spans_dropped.inc))
    records = _records(settings, metrics.records_dropped.inc)
    publishing = _publishing(settings, loaded, records)
    loaded.authenticator.follow(ring := KeyRing(Keys(records.engine), Pepper(settings)))
    cache = _cache(settings)
    executors, attempts, guards = _calling(metrics)
    steering = steer(loaded.policy, records.engine, metrics)
    recorder = Recorder(metrics, records, loaded.policy.feedback, steering.note)
    shadows = Shadows(attempts, steering.after(records.add_shadow), metrics.observe_shadow)
    pipeline = Pipeline(
        policy=lambda: loaded.policy.current,
        classifier=loaded.classifier,
        cache=cache,
        climber=Climber(attempts),
        shadows=shadows,
        spans=spans,
        recorder=recorder,
        affinity=Affinity.of(settings),
    )
    return Services(
        settings=settings,
        policy=loaded.policy,
        pipeline=pipeline,
        authenticator=loaded.authenticator,
        health=_health(settings, loaded, publishing, guards),
        metrics=metrics,
        tracing=tracing,
        records=records,
        recorder=recorder,
        cache=cache,
        executors=executors,
        shadows=shadows,
        admin=_admin_gate(settings, loaded.authenticator, host, ring),
        ring=ring,
        classifier=loaded.classifier,
        publishing=publishing,
        steering=steering,
        direct=Direct(loaded.catalogue, Relay(), loaded.policy, spans, recorder, loaded.classifier),
    )


def _calling(metrics: Metrics) -> tuple[tuple[OpenAIExecutor, LiteLLMExecutor], Attempts, Guards]:
    """What calls targets, and what stands before each of them."""
    openai, litellm = OpenAIExecutor(), LiteLLMExecutor()
    guards = Guards(metrics)
    attempts = Attempts({"openai": openai, "worker": openai, "litellm": litellm}, guards)
    return (openai, litellm), attempts, guards


def _health(settings: Settings, loaded: Loaded, publishing: Publishing, guards: Guards) -> Health:
    version = loaded.classifier.version
    return Health(loaded.policy, settings.worker_url, version, publishing.fleet, guards)


def load_classifier(settings: Settings) -> RequestClassifier:
    """The classifier in force with every ability placed for it; `StartupError` when a file is damaged.

    An ability that was placed for another version is left out and the log says so: its target is taken for
    what it was before.
    """
    classifier, placed = load_versions(settings)
    for sentence in placed.refused(classifier).values():
        log.warning(sentence)
    try:
        return with_placed(classifier, placed)
    except PlacedError as error:
        raise StartupError([Finding("error", "classifier", 1, 1, str(error))]) from error


def load_versions(settings: Settings) -> tuple[RequestClassifier, PlacedAbilities]:
    """The version last learnt in this data directory, else the one that it starts from, and all placed abilities."""
    try:
        versions = Versions.of(settings.data_dir, settings.classifier)
        return versions.load(), PlacedAbilities.read(settings.data_dir)
    except (ArtifactError, PlacedError) as error:
        raise StartupError([Finding("error", "classifier", 1, 1, str(error))]) from error


def _cache(settings: Settings) -> Cache | None:
    if settings.redis_url is not None:
        from gateway.cache.redis import RedisCache

        return RedisCache(settings.redis_url.get_secret_value(), settings.redis_timeout_ms)
    return MemoryCache(settings.cache_entries) if settings.cache_entries else None


def _admin_gate(settings: Settings, authenticator: Authenticator, host: str, ring: KeyRing) -> AdminGate:
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    if not authenticator.open:
        return AdminGate(key, closed="clients need keys here, so an administrator needs one too")
    closed = None if is_loopback(host) else f"the gateway listens on `{host}`"
    return AdminGate(key, closed=closed, needs_keys=lambda: ring.in_use)


def _publishing(settings: Settings, loaded: Loaded, records: SqlRecordStore) -> Publishing:
    meaning = comparison(loaded.classifier, settings.local_usd_per_cpu_hour)
    return assemble(settings, loaded.policy, records.engine, meaning)


def _records(settings: Settings, dropped: Callable[[int], None]) -> SqlRecordStore:
    try:
        return SqlRecordStore(settings.records_url, dropped)
    except StoreUnusable as error:
        raise StartupError([_unusable(error)]) from error


def _unusable(error: StoreUnusable) -> Finding:
    return Finding("error", "environment", 1, 1, str(error))


def _exposed(settings: Settings, host: str) -> Finding:
    source = str(settings.config) if settings.config else "environment"
    return Finding(
        "error", source, 1, 1,
        f"listening on `{host}` without any key would let everybody call; "
        "make one with `pointsman keys create`, set `POINTSMAN_API_KEY` or add `keys` to gateway.yaml",
    )  # fmt: skip
