"""The classifier as the pipeline sees it: one pass over a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from routers.signals import RequestText, Signals


class Classifier(Protocol):
    """Reads a request; it must stay bounded for any text."""

    @property
    def quick(self) -> bool:
        """Whether a request takes a millisecond at most, little enough for the event loop."""
        ...

    @property
    def version(self) -> str:
        """Names the artifact, for records and receipts."""
        ...

    def classify(self, text: RequestText) -> Signals:
        """Every signal of one request; total."""
        ...


async def classify(classifier: Classifier, text: RequestText) -> Signals:
    """Every signal of one request, read on a thread of its own where it takes too long for the event loop."""
    if classifier.quick:
        return classifier.classify(text)
    return await asyncio.to_thread(classifier.classify, text)
