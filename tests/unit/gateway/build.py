"""Small calls, policies and outcomes for tests, made by the code that makes them when serving."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gateway.api.wire import build_call
from gateway.cache.base import ENTRY_VERSION, Entry
from gateway.cache.keys import routing_inputs
from gateway.execute.catalogue import Catalogue
from gateway.live import LivePolicy
from gateway.telemetry.cost import Prices
from gateway.types import CacheDirective, Call, Caller
from policies.store import Loaded, loads
from routers.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY = """
version: 1
targets:
  sentiment: {kind: specialist, model: sentiment}
  small: {kind: local, model: smollm2}
  mid: {kind: upstream, model: openai/gpt-4o-mini, retries: 0}
  large: {kind: upstream, model: openai/gpt-4o, retries: 2}
default: {steps: [small, mid]}
"""
SIGNALS = Signals(
    task="code",
    task_confidence=0.9,
    domain="law",
    domain_confidence=0.8,
    difficulty=0.25,
    success={"gpt-5": 0.97},
    pii=0.3,
    injection=0.2,
    language="de",
    tokens=42,
)


def call(
    fields: Mapping[str, Any] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    caller: Caller | None = None,
    cache: CacheDirective | None = None,
    received_ns: int = 1,
) -> Call:
    """A call with `fields` on top of the smallest valid body."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **(fields or {})}
    return call_of(
        json.dumps(body).encode(), headers=headers, caller=caller, cache=cache, received_ns=received_ns
    )


def call_of(
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    caller: Caller | None = None,
    cache: CacheDirective | None = None,
    received_ns: int = 1,
) -> Call:
    """A call with exactly this body."""
    return build_call(
        body,
        request_id="req_1",
        caller=caller or Caller(),
        headers=headers or {},
        cache=cache or CacheDirective(),
        received_ns=received_ns,
    )


def loaded(text: str = POLICY) -> Loaded:
    """A policy from YAML; fails the test with its findings when it is refused."""
    result = loads(text)
    assert isinstance(result, Loaded), [str(finding) for finding in result.findings]
    return result


def live(text: str = POLICY, environ: Mapping[str, str] | None = None) -> LivePolicy:
    """A policy in force, with a worker and an OpenAI key unless `environ` says otherwise."""
    environ = {"OPENAI_API_KEY": "secret"} if environ is None else environ
    found = loaded(text)
    endpoints, missing = Catalogue({}, environ, "unix:///worker.sock").endpoints(found.policy)
    prices = Prices(found.policy, 0.04)
    return LivePolicy(
        found.policy,
        found.compiled,
        endpoints,
        missing,
        prices,
        routing_inputs(found.policy),
        (),
        text=found.text,
    )


def entry(**changes: Any) -> Entry:
    """A cache entry."""
    fields: dict[str, Any] = {
        "version": ENTRY_VERSION,
        "body": '{"choices":[]}',
        "target": "small",
        "model": "smollm2",
        "rule": "default",
        "task": "chat",
        "domain": "other",
        "difficulty": 0.5,
        "confidence": None,
        "prompt_tokens": 3,
        "completion_tokens": 5,
        "stored_at": 1.0,
    }
    return Entry(**(fields | changes))
