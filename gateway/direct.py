"""Requests for one model by name: embeddings, moderations, audio. No routing: one attempt, one record.

The vectors of two models do not go together, and a policy speaks of chats; so the caller's word decides.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from gateway.auth import authorise
from gateway.errors import (
    AttemptError,
    Forbidden,
    GatewayError,
    InvalidRequest,
    NoUpstreamConfigured,
    PlanExhausted,
)
from gateway.telemetry.cost import read_table
from gateway.types import Attempt, Outcome, Usage
from routers.catalogue import encoders

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from gateway.classify import Classifier
    from gateway.execute.catalogue import Catalogue, Endpoint
    from gateway.execute.relay import Relay, Relayed
    from gateway.live import LivePolicy, PolicyHolder
    from gateway.record import Recorder
    from gateway.telemetry.cost import Price
    from gateway.telemetry.spans import AttemptSpan, Spans, Trace
    from gateway.types import AttemptStatus, Call

DEFAULT_PROVIDER: Final = "openai"
LOCAL: Final = "local/"
_STATUS: Final[dict[str, AttemptStatus]] = {"ok": "ok", "error": "failed", "cancelled": "cancelled"}
_KNOWN_PRICES: Final = 1000


class _UsageBody(msgspec.Struct):
    prompt_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class _Body(msgspec.Struct):
    usage: _UsageBody | None = None


class Passing(msgspec.Struct, frozen=True):
    """What is asked of one model."""

    call: Call
    kind: str
    """Names the endpoint in metrics and records, e.g. `embeddings`."""
    path: str
    """Below the base URL, e.g. `/embeddings`."""
    content_type: str
    body: Callable[[str], bytes]
    """The request for a model of this name."""


class Passed:
    """An answer on its way; `outcome` is final once `chunks` has ended."""

    __slots__ = ("chunks", "content_type", "outcome")

    def __init__(self, outcome: Outcome, content_type: str) -> None:
        self.outcome = outcome
        self.content_type = content_type
        self.chunks: AsyncGenerator[bytes, None]


class Direct:
    """Finds the model that was asked for, asks it, and keeps the record."""

    def __init__(
        self,
        catalogue: Catalogue,
        relay: Relay,
        policy: PolicyHolder,
        spans: Spans,
        recorder: Recorder,
        classifier: Classifier,
    ) -> None:
        self._catalogue = catalogue
        self._relay = relay
        self._policy = policy
        self._spans = spans
        self._recorder = recorder
        self._classifier = classifier
        self._prices: dict[str, Price | None] = {}

    async def open(self, passing: Passing) -> Passed:
        """Begin an answer; raises `GatewayError`. It leaves one record either way."""
        call, live = passing.call, self._policy.current
        trace = self._spans.begin(call)
        outcome = Outcome(
            call,
            "error",
            "off",
            target=passing.kind,
            rule=passing.kind,
            policy_version=live.version,
            trace_id=trace.trace_id,
            http_status=500,
        )
        try:
            _authorise(call)
            endpoint = self._find(call.model, live)
            relayed, attempt, span = await self._begin(passing, endpoint, trace)
        except GatewayError as error:
            refused = replace(outcome, error_code=error.code, http_status=error.http_status)
            self._conclude(replace(refused, attempts=error.attempts), trace)
            raise
        except asyncio.CancelledError:
            self._conclude(replace(outcome, status="cancelled", http_status=499), trace)
            raise
        passed = Passed(replace(outcome, http_status=200, model=endpoint.model), relayed.content_type)
        passed.chunks = self._deliver(passed, relayed, attempt, span, trace)
        return passed

    async def _begin(
        self, passing: Passing, endpoint: Endpoint, trace: Trace
    ) -> tuple[Relayed, Attempt, AttemptSpan]:
        started = time.time_ns()
        attempt = Attempt(passing.kind, endpoint.model, endpoint.provider, "failed", started, 0)
        span = trace.attempt(started)
        body = passing.body(endpoint.model)
        try:
            relayed = await self._relay.open(
                endpoint, passing.path, body, passing.content_type, span.traceparent
            )
        except AttemptError as error:
            failed = replace(attempt, ended_ns=time.time_ns(), error=f"{error.code}: {error.message}")
            span.end(failed)
            raise PlanExhausted(error.message, cause=error, attempts=(failed,)) from error
        return relayed, attempt, span

    async def close(self) -> None:
        """Release connections."""
        await self._relay.close()

    def _find(self, model: str, live: LivePolicy) -> Endpoint:
        """A local encoder, a target of the policy, a model of a provider (`provider/name`), else one of OpenAI's."""
        name = model.removeprefix(LOCAL)
        if model.startswith(LOCAL) or name in encoders():
            found = self._catalogue.worker(name)
        elif model in live.policy.targets and live.policy.targets[model].kind == "upstream":
            found = self._catalogue.upstream(live.policy.targets[model].model)
        elif self._catalogue.knows(model.partition("/")[0]) and "/" in model:
            found = self._catalogue.upstream(model)
        else:
            found = self._catalogue.upstream(f"{DEFAULT_PROVIDER}/{model}")
        if isinstance(found, str):
            raise NoUpstreamConfigured(f"Nobody can answer for the model `{model[:80]}`: {found}.")
        if found.lane == "litellm":
            raise InvalidRequest(
                f"`{found.provider}` has no OpenAI-compatible URL, so this cannot be passed on to it.",
                param="model",
            )
        return found

    async def _deliver(
        self, passed: Passed, relayed: Relayed, attempt: Attempt, span: AttemptSpan, trace: Trace
    ) -> AsyncGenerator[bytes, None]:
        """Every chunk of the answer. However this ends, the call behind it is closed and recorded, once."""
        outcome = replace(passed.outcome, status="cancelled")
        read = bytearray()
        json = passed.content_type.startswith("application/json")
        try:
            async for chunk in relayed.chunks:
                if json:
                    read += chunk
                yield chunk
            outcome = replace(outcome, status="ok")
        except AttemptError as error:
            outcome = replace(outcome, status="error", error_code=error.code)
            raise
        finally:
            await relayed.chunks.aclose()
            usage = _usage(bytes(read)) if read else None
            cost = self._cost(attempt, usage, relayed)
            ended = replace(
                attempt,
                status=_STATUS[outcome.status],
                ended_ns=time.time_ns(),
                usage=usage,
                cost_usd=cost,
                error=outcome.error_code,
            )
            span.end(ended)
            settled = replace(outcome, attempts=(ended,), usage=usage, cost_usd=cost)
            passed.outcome = self._conclude(settled, trace)

    def _cost(self, attempt: Attempt, usage: Usage | None, relayed: Relayed) -> float | None:
        if relayed.compute_ms is not None:
            return self._policy.current.prices.compute(relayed.compute_ms)
        name = f"{attempt.provider}/{attempt.model}"
        if name not in self._prices:
            if len(self._prices) > _KNOWN_PRICES:
                self._prices.clear()  # names come from callers
            self._prices[name] = read_table([name]).get(name)
        price = self._prices[name]
        return None if price is None or usage is None else price.cost(usage)

    def _conclude(self, outcome: Outcome, trace: Trace) -> Outcome:
        ended = time.time_ns()
        done = replace(outcome, total_ms=(ended - outcome.call.received_ns) / 1e6)
        trace.end(done, ended)
        self._recorder.record(done, self._classifier.version)
        return done


def _authorise(call: Call) -> None:
    """Raise `Forbidden` where the key is not good for this model, or for targets of this name."""
    authorise(call.caller, model=call.model)
    scopes = call.caller.scopes
    if scopes is not None and scopes.withheld([call.model]):
        raise Forbidden(
            f"The API key `{call.caller.key}` may not use the target `{call.model[:80]}`; ask for one that may.",
            param="model",
        )


def _usage(body: bytes) -> Usage | None:
    try:
        usage = msgspec.json.decode(body, type=_Body).usage
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if usage is None else Usage(usage.prompt_tokens or usage.input_tokens, usage.output_tokens)
