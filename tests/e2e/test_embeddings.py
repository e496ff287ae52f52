"""Embeddings from a gateway that runs as users start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.processes import Pointsman


def test_texts_are_embedded_on_this_machine(served: Pointsman) -> None:
    """`all-minilm-l6-v2` is listed and answers, priced by its compute time."""
    client = served.client()
    assert "all-minilm-l6-v2" in {model.id for model in client.models.list()}
    raw = client.embeddings.with_raw_response.create(model="local/all-minilm-l6-v2", input=["one", "two"])
    assert [len(one.embedding) for one in raw.parse().data] == [384, 384]
    assert float(raw.headers["x-pointsman-cost-usd"]) > 0
