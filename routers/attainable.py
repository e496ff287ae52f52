"""Between which values each signal of a classifier must lie, whatever the request: bounds from its weights.

Interval bound propagation (Gowal et al. 2018, On the Effectiveness of Interval Bound Propagation): every layer
maps bounds of its inputs to bounds of its outputs. A vector of known length moves a row's output by at most the
row's norm times that length. The bounds are sure and not tight: no request leaves them, and few come near.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from routers.encoder import WINDOWS, Encoder
from routers.heads import Dense, relu
from routers.identifiers import FLOORS
from routers.labels import REFERENCE_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.calibration import Platt

    Bounds = tuple[float, float]
    Interval = tuple[NDArray[np.floating], NDArray[np.floating]]

_CLIP = 5.0
"""Where `Standardiser` cuts features off."""
_ROUNDING = 1e-3
"""Logits are computed in single precision; the bounds here in double."""


@dataclass(frozen=True, slots=True)
class Attainable:
    """The lowest and the highest value of each signal; no request gets one outside."""

    task_confidence: Bounds
    domain_confidence: Bounds
    difficulty: Bounds
    pii: Bounds
    injection: Bounds
    success: Mapping[str, Bounds]
    """By name of the ability vector."""


def attainable(artifact: Artifact) -> Attainable:
    """Bounds of every signal; takes some milliseconds."""
    low, high = _first(artifact.labels.hidden, artifact)
    flags_low, flags_high = _through(artifact.labels.flags, (relu(low), relu(high)))
    pii = _calibrated(artifact.pii, flags_low[0], flags_high[0])
    names, vectors = artifact.abilities.names, artifact.abilities.vectors
    logits_low, logits_high = _first(_success_layer(artifact), artifact)
    reference = names.index(REFERENCE_MODEL)
    return Attainable(
        task_confidence=(1.0 / len(artifact.tasks) - 1e-6, 1.0),
        domain_confidence=(1.0 / len(artifact.domains) - 1e-6, 1.0),
        difficulty=_calibrated(artifact.difficulty, -logits_high[reference], -logits_low[reference]),
        pii=(pii[0], max(pii[1], *FLOORS.values())),
        injection=_calibrated(artifact.injection, flags_low[1], flags_high[1]),
        success={
            name: _calibrated(artifact.success, logits_low[row], logits_high[row])
            for row, name in enumerate(names[: len(vectors)])
        },
    )


def _success_layer(artifact: Artifact) -> Dense:
    """One affine layer from an input to the logit of success of every ability: theta . a(q) - b(q)."""
    vectors, output = artifact.abilities.vectors, artifact.ability.output
    mix = np.hstack([vectors[:, 1:], -np.ones((len(vectors), 1), dtype=vectors.dtype)])
    return Dense(mix @ output.weight, mix @ output.bias + vectors[:, 0])


def _first(layer: Dense, artifact: Artifact) -> Interval:
    """Bounds behind a layer that reads a request's vector: its encoding, then its features."""
    features = len(artifact.features.mean)
    clip = np.full(features, _CLIP)
    low, high = _through(Dense(layer.weight[:, -features:], layer.bias), (-clip, clip))
    encoding, encoder = layer.weight[:, :-features].astype(np.float64), artifact.encoder
    if not isinstance(encoder, Encoder):
        reach = _norms(encoding) * math.sqrt(encoding.shape[1])  # entries of mean square 1
        return low - reach, high + reach
    width = len(WINDOWS) * encoder.words.rows.shape[1]
    windows = encoding[:, :width].reshape(len(encoding), len(WINDOWS), -1)
    reach = _norms(windows).sum(axis=1)  # each window has length 0 or 1
    least, most = _through(
        Dense(layer.weight[:, width:-features], np.zeros_like(layer.bias)), _tables(encoder)
    )
    return low - reach + least, high + reach + most


def _norms(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.linalg.norm(rows, axis=-1))


def _tables(encoder: Encoder) -> Interval:
    """Bounds of a mean and of a maximum of n-gram rows."""
    rows, scales = encoder.ngrams.rows, encoder.ngrams.scales
    return rows.min(axis=0) * scales, rows.max(axis=0) * scales


def _through(layer: Dense, inputs: Interval) -> Interval:
    weight, (low, high) = layer.weight.astype(np.float64), inputs
    positive, negative = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
    return (
        layer.bias + positive @ low + negative @ high - _ROUNDING,
        layer.bias + positive @ high + negative @ low + _ROUNDING,
    )


def _calibrated(platt: Platt, low: float, high: float) -> Bounds:
    return float(platt(float(low))), float(platt(float(high)))
