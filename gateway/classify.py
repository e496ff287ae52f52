"""The classifier as the pipeline sees it: one pass over a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from routers.signals import RequestText, Signals


class Classifier(Protocol):
    """Reads a request in about a millisecond, on the event loop: it must stay bounded for any text."""

    @property
    def version(self) -> str:
        """Names the artifact, for records and receipts."""
        ...

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request; total."""
        ...
