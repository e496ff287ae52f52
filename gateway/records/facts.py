"""What a decision was made on, beyond the other columns of its record: enough to decide it again.

No text of the request is in it. Of headers and metadata it has those that the policy in force reads, and of these
only short ones.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routers.ability import PredictedSuccess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gateway.cache.keys import RoutingInputs
    from gateway.types import Call
    from policies.facts import Facts

Json = dict[str, Any]

LONGEST: Final = 256
"""Longer values of headers and metadata are not kept; what a rule on them would say cannot be known then."""
_LONGEST_MODEL: Final = 2048


def logged(call: Call, facts: Facts, inputs: RoutingInputs) -> Json:
    """The facts of a call as its record keeps them; a header or entry that was absent is null.

    `inputs` names what the policy reads.
    """
    found: Json = {
        "tools": call.tools,
        "json_schema": call.json_schema,
        "modalities": sorted(call.modalities),
        "max_output_tokens": call.max_output_tokens,
        "headers": _short(call.headers, inputs.headers),
        "metadata": _short(call.metadata, inputs.metadata),
        "unavailable": list(facts.unavailable),
    }
    if facts.withheld:
        found["withheld"] = dict(facts.withheld)
    if facts.session:
        found["session"] = facts.session if len(facts.session) <= LONGEST else None
    if facts.latency_p95_ms:
        found["latency_p95_ms"] = dict(facts.latency_p95_ms)
    if facts.shadow_usd or facts.shadow_s:
        found |= {"shadow_usd": facts.shadow_usd, "shadow_s": facts.shadow_s}
    if facts.settled:
        found["settled"] = dict(facts.settled)
    if facts.ended:
        found["ended"] = sorted(facts.ended)
    return found


def exact_model(asked: str, kept: str) -> Json:
    """`{}` when the column `model_asked` has the whole name, else the name, or null when it is too long to keep."""
    if asked == kept:
        return {}
    return {"model": asked if len(asked) <= _LONGEST_MODEL else None}


def _short(values: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value for name in names if (value := values.get(name)) is None or len(value) <= LONGEST}


def success(known: Mapping[str, float]) -> Json:
    """The success of every ability, also of those that are placed later, in one short text.

    What the classifier predicts it from is kept: float32, little endian, in base64. A mapping from elsewhere is
    kept as it is.
    """
    if isinstance(known, PredictedSuccess):
        return {"embedding": base64.b64encode(known.embedding.astype("<f4", copy=False).tobytes()).decode()}
    return {"success": dict(known)}


def embedding(facts: Json) -> NDArray[np.float32] | None:
    """The embedding that `success` kept, None where there is none or it is damaged."""
    try:
        raw = base64.b64decode(facts["embedding"], validate=True)
        return np.frombuffer(raw, dtype="<f4")
    except (KeyError, TypeError, ValueError):
        return None
