"""The seam between the pipeline and whatever answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway.execute.catalogue import Endpoint
    from gateway.types import Answer, Call
    from policies.decision import Step


class Executor(Protocol):
    """Opens one answer. Closing `Answer.deltas` (`aclose`) cancels the call behind it."""

    async def open(self, call: Call, step: Step, endpoint: Endpoint, trace: str | None) -> Answer:
        """Start the call and return once the target has accepted it; raises `AttemptError`.

        `trace` is a W3C `traceparent` for targets inside our own trust boundary.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
