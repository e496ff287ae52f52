"""The seam between one path of a request and the many APIs in which it may be asked.

A `Dialect` reads a request body as a `Call` in chat completions, and gives the `Rendering` that says the answer in
the words of its own API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.api.entry import Arrival
    from gateway.errors import GatewayError
    from gateway.types import Call, Completion, Delta, Outcome


class Rendering(Protocol):
    """Says one answer, whole or streamed."""

    async def whole(self, completion: Completion, outcome: Outcome) -> bytes:
        """The body of a whole answer; `outcome` is final."""
        ...

    def events(self, batch: Sequence[Delta], outcome: Outcome) -> bytes:
        """Framed events for deltas that came together, perhaps none; `outcome` is what is known so far."""
        ...

    async def end(self, outcome: Outcome) -> bytes:
        """The framed events that close a complete stream; `outcome` is final."""
        ...

    def broken(self, error: GatewayError) -> bytes:
        """The framed event that ends a stream which broke off."""
        ...


class Dialect(Protocol):
    """One API."""

    @property
    def id_header(self) -> bytes | None:
        """A name of its own under which this API's clients look for the request id."""
        ...

    async def read(self, body: bytes, arrival: Arrival) -> tuple[Call, Rendering]:
        """The call that a request body asks for, and how to answer it; raises `GatewayError`."""
        ...

    def envelope(self, error: GatewayError, request_id: str) -> bytes:
        """The body of an error."""
        ...
