"""A small BERT as the encoder of a request, with numpy alone: milliseconds instead of microseconds.

The arithmetic is that of Devlin et al. 2019 (post-norm layers, exact GELU), on one text at a time. The layers are kept
as int8 rows on disk and as float32 in memory; of the word embeddings only the rows asked for become floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routers.encoder import QuantisedRows
from routers.heads import Dense
from routers.tokenizer import BEGIN, END, SHAPE_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from routers.tokenizer import Tokens

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int32]

DENSE: Final = ("query", "key", "value", "mixed", "up", "down")
"""Affine maps of a layer, in the order in which they are applied."""
NORMS: Final = ("attention_norm", "norm")
_ID: Final = (1 << SHAPE_BITS) - 1
_BEGIN: Final = np.array([BEGIN], dtype=np.int32)
_END: Final = np.array([END], dtype=np.int32)
_SYSTEM_SHARE: Final = 4
"""A system text gets at most this part of the tokens, so that it never crowds out the user's."""
_TAIL_SHARE: Final = 3
# Coefficients of the error function: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
_ERF_SCALE: Final = np.float32(0.3275911)
_ERF: Final = tuple(
    np.float32(c) for c in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the tensors alone do not say."""

    layers: int
    heads: int
    epsilon: float
    """Added to the variance by layer normalisation."""
    limit: int
    """Tokens of a text at most, special ones included."""


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation over the last axis (Ba et al. 2016)."""

    weight: Floats
    bias: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.vecdot(centred, centred)[..., None] / np.float32(x.shape[-1])
        return np.asarray(
            centred / np.sqrt(variance + np.float32(self.epsilon)) * self.weight + self.bias, dtype=np.float32
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """One block: attention over all tokens, then a map of each token, both with a residual and a norm."""

    attention: Dense
    """Queries, keys and values, stacked: shape (3 * width, width)."""
    mixed: Dense
    attention_norm: Norm
    up: Dense
    down: Dense
    norm: Norm
    heads: int

    def __call__(self, x: Floats) -> Floats:
        """Shape (tokens, width) in and out."""
        x = self.attention_norm(x + rows(self.mixed, self._attended(x)))
        return self.norm(x + rows(self.down, gelu(rows(self.up, x))))

    def _attended(self, x: Floats) -> Floats:
        tokens, width = x.shape
        size = width // self.heads
        split = rows(self.attention, x).reshape(tokens, 3, self.heads, size).transpose(1, 2, 0, 3)
        queries, keys, values = split
        scores = queries @ keys.transpose(0, 2, 1) * np.float32(1 / math.sqrt(size))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray((scores @ values).transpose(1, 0, 2).reshape(tokens, width))


class Transformer:
    """Reads a request's tokens with attention; the mean over its tokens is the request's vector."""

    def __init__(
        self, words: QuantisedRows, positions: Floats, norm: Norm, layers: tuple[Layer, ...], limit: int
    ) -> None:
        self._words, self._positions, self._norm, self._layers = words, positions, norm, layers
        self._limit = limit

    @property
    def quick(self) -> bool:
        """False: a text takes milliseconds, too long for a loop that others wait for."""
        return False

    def __call__(self, tokens: Tokens) -> Floats:
        """The vector of a request, entries of mean square 1; shape (width,)."""
        mean = self.hidden(sequence(tokens, self._limit)).mean(axis=0)
        return np.asarray(mean * np.float32(math.sqrt(len(mean))) / max(np.linalg.norm(mean), 1e-6))

    def hidden(self, ids: Ids) -> Floats:
        """The last layer's vector of each token, shape (len(ids), width)."""
        x = self._norm(self._words.take(ids) + self._positions[: len(ids)])
        for layer in self._layers:
            x = layer(x)
        return x


def sequence(tokens: Tokens, limit: int) -> Ids:
    """Ids as BERT expects them, at most `limit`: `[CLS]`, perhaps the system text and `[SEP]`, the user's, `[SEP]`.

    A text that is too long keeps two thirds of its room for its head, one third for its tail.
    """
    system = cut(tokens.system & _ID, limit // _SYSTEM_SHARE)
    head = np.concatenate([_BEGIN, system, _END]) if len(system) else _BEGIN
    return np.concatenate([head, cut(tokens.user & _ID, limit - len(head) - 1), _END])


def cut(ids: Ids, room: int) -> Ids:
    """The ids, or the first two thirds and the last third of what there is room for."""
    if len(ids) <= room:
        return ids
    tail = room // _TAIL_SHARE
    return np.concatenate([ids[: room - tail], ids[len(ids) - tail :]])


def rows(dense: Dense, x: Floats) -> Floats:
    """An affine map of each row, shape (rows, outputs)."""
    return np.asarray(x @ dense.weight.T + dense.bias)


def gelu(x: Floats) -> Floats:
    """x * Phi(x) with the error function to 2e-7 (Hendrycks and Gimpel 2016)."""
    z = np.abs(x)
    z *= np.float32(math.sqrt(0.5))
    t = 1 / (1 + _ERF_SCALE * z)
    polynomial = _ERF[0] * t
    for coefficient in _ERF[1:]:
        polynomial += coefficient
        polynomial *= t
    polynomial *= np.exp(-z * z)  # 1 - erf(|x| / sqrt 2), twice the upper tail
    return np.asarray(np.maximum(x, 0) - np.float32(0.5) * np.abs(x) * polynomial)


def tensors_of(words: Floats, positions: Floats, parts: Mapping[str, Floats]) -> dict[str, NDArray[Any]]:
    """What an artifact stores: matrices as int8 rows, positions in half precision, vectors as they are.

    `parts` has `encoder.norm.weight` and `.bias`, and for each layer `layer.N.` with the names in `DENSE` and `NORMS`.
    """
    stored: dict[str, NDArray[Any]] = {"positions": positions.astype(np.float16)}
    for name, part in {"words": words, **parts}.items():
        if part.ndim == 1:
            stored[name] = part.astype(np.float32)
        else:
            table = QuantisedRows.of(part)
            stored[f"{name}.rows"], stored[f"{name}.scales"] = table.rows, table.scales
    return stored


def assemble(shape: Shape, tensors: Mapping[str, NDArray[Any]]) -> Transformer:
    """The encoder from the tensors of `tensors_of`."""

    def norm(name: str) -> Norm:
        return Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"], shape.epsilon)

    def dense(name: str) -> Dense:
        scales = tensors[f"{name}.weight.scales"][:, None]
        return Dense(tensors[f"{name}.weight.rows"].astype(np.float32) * scales, tensors[f"{name}.bias"])

    def layer(name: str) -> Layer:
        query, key, value, mixed, up, down = (dense(f"{name}.{part}") for part in DENSE)
        return Layer(
            attention=Dense.stacked(query, key, value),
            mixed=mixed,
            attention_norm=norm(f"{name}.attention_norm"),
            up=up,
            down=down,
            norm=norm(f"{name}.norm"),
            heads=shape.heads,
        )

    return Transformer(
        words=QuantisedRows(tensors["words.rows"], tensors["words.scales"]),
        positions=tensors["positions"].astype(np.float32),
        norm=norm("encoder.norm"),
        layers=tuple(layer(f"layer.{index}") for index in range(shape.layers)),
        limit=shape.limit,
    )
