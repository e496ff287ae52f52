"""Acceptance by the confidence that a target reports for its own answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer may be released, and why not."""

    accepted: bool
    reason: str = ""


def judge(confidence: float | None, threshold: float | None, *, proved: bool = False) -> Verdict:
    """Accept when no threshold is set, when the target reports no confidence, or when it is high enough.

    A threshold that is `proved` to keep to a risk holds for reported confidences alone: an answer without is refused.
    """
    if confidence is None and proved and threshold is not None:
        return Verdict(
            accepted=False, reason="it reports no confidence, so nothing shows that it keeps to the risk"
        )
    if threshold is None or confidence is None or confidence >= threshold:
        return Verdict(accepted=True)
    return Verdict(
        accepted=False, reason=f"confidence {confidence:.3f} is below the accepted {threshold:.3f}"
    )
