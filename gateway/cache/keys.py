"""The fingerprint of a request: what determines its answer, canonical, within one tenant and policy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import InvalidRequest

if TYPE_CHECKING:
    from gateway.types import Call
    from policies.model import Policy

# Fields that change how an answer is delivered or accounted for, and not what it says. Everything else counts,
# known to us or not: an unknown field that did not matter costs a miss, one that did would cost a wrong answer.
_IRRELEVANT = frozenset(
    {"stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prompt_cache_key",
     "prompt_cache_retention", "service_tier"}
)  # fmt: skip
_FORMAT = b"pointsman/exact/1"
# Numbers stay as they were written: as floats, two different requests could look alike.
_decoder = msgspec.json.Decoder(float_hook=lambda digits: msgspec.Raw(digits))
_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class RoutingInputs:
    """What a policy looks at outside the body: requests that differ in it may be routed differently."""

    headers: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    key: bool = False
    stream: bool = False


def routing_inputs(policy: Policy) -> RoutingInputs:
    """Every header and metadata name, and whether key or stream, that some rule of `policy` reads."""
    headers: set[str] = set()
    metadata: set[str] = set()
    key = stream = False
    pending = [rule.when for rule in policy.rules]
    while pending:
        when = pending.pop()
        headers.update(name.lower() for name in when.header or ())
        metadata.update(when.metadata or ())
        key = key or when.key is not None
        stream = stream or when.stream is not None
        pending += [*(when.all_ or ()), *(when.any_ or ()), *([when.not_] if when.not_ else [])]
    return RoutingInputs(tuple(sorted(headers)), tuple(sorted(metadata)), key, stream)


def fingerprint(call: Call, policy_version: str, inputs: RoutingInputs) -> str:
    """A key under which an equal request of the same tenant finds this answer, 64 hex digits.

    Two requests are equal when their relevant fields are equal as JSON values (spacing and the order of keys do not
    matter, the order of messages does) and the policy would look at equal headers, metadata and key.
    Raises `InvalidRequest` for a body that is nested too deeply to be compared.
    """
    try:
        relevant = _encoder.encode(
            {k: _decoder.decode(raw) for k, raw in call.fields.items() if k not in _IRRELEVANT}
        )
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply; flatten it.") from None
    context = [
        [call.headers.get(name) for name in inputs.headers],
        [call.metadata.get(name) for name in inputs.metadata],
        call.caller.key if inputs.key else None,
        call.stream if inputs.stream else None,
    ]
    digest = hashlib.sha256(_FORMAT)
    for part in (
        call.caller.tenant.encode(),
        policy_version.encode(),
        _encoder.encode(context),
        relevant,
    ):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
