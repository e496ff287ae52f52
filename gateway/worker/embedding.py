"""Embeddings in OpenAI's schema by a local encoder: https://platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from gateway.errors import InvalidRequest
from gateway.worker.batching import Batcher
from gateway.worker.errors import ContextExceeded
from gateway.worker.tokens import decode_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gateway.worker.responders import Answer
    from routers.specialists.encoder import SharedEncoder

MAX_INPUTS: Final = 2048
"""OpenAI's own bound."""
_PASS: Final = 32


class EmbeddingRequest(msgspec.Struct):
    """The fields of `POST /v1/embeddings` that are looked at."""

    model: str
    input: Any
    encoding_format: str | None = None
    dimensions: int | None = None


class Embedded(NamedTuple):
    """An answer with what it took."""

    body: dict[str, Any]
    queue_s: float
    compute_s: float


class EmbeddingResponder:
    """Turns texts into vectors of length 1. Texts of several requests are computed together."""

    def __init__(self, name: str, encoder: SharedEncoder, max_tokens: int) -> None:
        """`max_tokens` is the longest text, special tokens included; a longer one is refused and never cut."""
        self._name, self._encoder, self._max_tokens = name, encoder, max_tokens
        self._batcher: Batcher[list[list[int]], NDArray[np.float32]] = Batcher(self._compute, max_batch=4)

    async def embed(self, body: bytes) -> Embedded:
        """The answer to a request body; raises a `GatewayError`."""
        asked = _read(body)
        ids = [self._tokens(text, place) for place, text in enumerate(_texts(asked.input))]
        dimensions = self._dimensions(asked.dimensions)
        found: list[NDArray[np.float32]] = []
        queue_s = compute_s = 0.0
        for start in range(0, len(ids), _PASS):
            done = await self._batcher.submit(ids[start : start + _PASS])
            found.append(done.result)
            queue_s, compute_s = queue_s + done.queue_s, compute_s + done.compute_s
        vectors = _shortened(np.concatenate(found), dimensions)
        data = [
            {"object": "embedding", "index": index, "embedding": _encode(vector, asked.encoding_format)}
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(map(len, ids))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": self._name, "usage": usage}
        return Embedded(answer, queue_s, compute_s)

    async def answer(self, body: Mapping[str, Any]) -> Answer:
        """An encoder does not chat; always raises."""
        raise InvalidRequest(
            f"`{self._name}` embeds texts and does not chat; send it to /v1/embeddings.", param="model"
        )

    def interrupt(self) -> None:
        """Nothing runs for long: a batch ends by itself."""

    async def close(self) -> None:
        """Stop computing."""
        await self._batcher.close()

    def _tokens(self, text: str, place: int) -> list[int]:
        ids = self._encoder.tokens(text)
        if len(ids) > self._max_tokens:
            raise ContextExceeded(
                f"`input[{place}]` has {len(ids)} tokens and `{self._name}` reads at most {self._max_tokens}; "
                "cut the text into pieces.",
                param="input",
            )
        return ids

    def _dimensions(self, asked: int | None) -> int:
        width = self._encoder.width
        if asked is not None and not 1 <= asked <= width:
            raise InvalidRequest(
                f"`dimensions` is {asked}; `{self._name}` has {width}, so ask for 1 to {width}.",
                param="dimensions",
            )
        return asked or width

    def _compute(self, items: Sequence[list[list[int]]]) -> list[NDArray[np.float32]]:
        """The vectors of each item; texts are sorted by length, so that little of a pass is padding."""
        flat = [ids for item in items for ids in item]
        order = sorted(range(len(flat)), key=lambda row: len(flat[row]))
        vectors = np.empty((len(flat), self._encoder.width), np.float32)
        for start in range(0, len(order), _PASS):
            rows = order[start : start + _PASS]
            vectors[rows] = self._encoder.embed([flat[row] for row in rows])
        ends = np.cumsum([len(item) for item in items])[:-1]
        return list(np.split(vectors, ends))


def _read(body: bytes) -> EmbeddingRequest:
    try:
        asked = msgspec.json.decode(body, type=EmbeddingRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"The request cannot be read: {error}.") from None
    if asked.encoding_format not in (None, "float", "base64"):
        raise InvalidRequest(
            f"`encoding_format` is {asked.encoding_format[:40]!r}; use float or base64.",
            param="encoding_format",
        )
    return asked


def _texts(value: object) -> list[str]:
    """The texts of `input`: one or many, each a string or the tokens of one."""
    if isinstance(value, str):
        texts: list[object] = [value]
    elif isinstance(value, list) and value and all(_is_token(item) for item in value):
        texts = [value]
    elif isinstance(value, list):
        texts = value
    else:
        texts = []
    if not 1 <= len(texts) <= MAX_INPUTS:
        raise InvalidRequest(f"`input` must hold 1 to {MAX_INPUTS} texts.", param="input")
    return [_text(item, place) for place, item in enumerate(texts)]


def _text(item: object, place: int) -> str:
    if isinstance(item, list) and item and all(_is_token(token) for token in item):
        return decode_tokens(item)
    if isinstance(item, str) and item:
        return item
    raise InvalidRequest(
        f"`input[{place}]` must be a text that is not empty, or a list of tokens.", param="input"
    )


def _is_token(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _shortened(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The first dimensions, of length 1 again, as OpenAI shortens its own vectors."""
    if dimensions == vectors.shape[1]:
        return vectors
    kept = vectors[:, :dimensions]
    lengths = np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
    shortened: NDArray[np.float32] = (kept / lengths).astype(np.float32)
    return shortened


def _encode(vector: NDArray[np.float32], form: str | None) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    found: list[float] = vector.tolist()
    return found
