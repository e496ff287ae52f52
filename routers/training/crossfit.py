"""Predictions of success by ability heads that have not seen the request, and the calibration fitted on them.

Cross-fitting: every graded request is predicted by a head fitted on the other folds, so that the calibration is
fitted and measured on all of them and not on a tenth. Requests of equal text, from whatever source, share a fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.calibration import Platt, calibration_noise, expected_calibration_error, fit_platt
from routers.labels import REFERENCE_MODEL
from routers.training.examples import fingerprint, stem
from routers.training.outcomes import fit_abilities, graded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.training.examples import Example
    from routers.training.outcomes import Meaning

    Floats = NDArray[np.floating]

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Logits of success of requests that the head was not fitted on, beside their outcomes."""

    logits: Floats
    """Shape (requests, models)."""
    outcomes: Floats
    """Shape (requests, models); NaN where a model was not graded."""
    folds: NDArray[np.integer]
    reference: int
    """Column of the reference model."""


def out_of_fold(
    inputs: NDArray[np.float32],
    examples: Sequence[Example],
    models: Sequence[str],
    *,
    copies: int,
    seed: int,
    meaning: Meaning | None = None,
) -> OutOfFold:
    """Fit the ability head on all folds but one, for each in turn, and predict that one as it stands.

    `inputs` has shape (copies * examples, width), as `fit_abilities` takes them.
    """
    count, names = len(examples), tuple(models)
    folds = np.array([fold_of(e.text.user) for e in examples])
    logits = np.zeros((count, len(names)), dtype=np.float32)
    for fold in tqdm(range(FOLDS), desc="cross-fit", unit="fold"):
        kept = np.flatnonzero(folds != fold).tolist()
        rows = np.concatenate([copy * count + np.array(kept) for copy in range(copies)])
        others = graded([examples[i] for i in kept], names)
        network = fit_abilities(inputs[rows], others, copies=copies, seed=seed, quiet=True, meaning=meaning)
        left_out = np.flatnonzero(folds == fold)
        with torch.no_grad():
            logits[left_out] = network(torch.from_numpy(inputs[left_out])).numpy()
    return OutOfFold(logits, graded(examples, names).outcomes, folds, names.index(REFERENCE_MODEL))


def fold_of(text: str) -> int:
    """Fold of a text, by the hash of its normalised stem; other digits than those that choose its part."""
    return int(fingerprint(stem(text))[8:16], 16) % FOLDS


def fit_success(held_out: OutOfFold, rows: NDArray[np.bool_] | None = None) -> Platt:
    """Calibration of the success of any model, on all requests or on `rows`, shape (requests,)."""
    known = ~np.isnan(held_out.outcomes)
    if rows is not None:
        known &= rows[:, None]
    # Each request counts once, however many models were graded on it.
    weights = (known / np.maximum(known.sum(axis=1, keepdims=True), 1))[known]
    return fit_platt(held_out.logits[known], held_out.outcomes[known], weights)


def fit_difficulty(held_out: OutOfFold, rows: NDArray[np.bool_] | None = None) -> Platt:
    """Calibration of the failure of the reference model, on all requests or on `rows`, shape (requests,)."""
    failed = 1 - held_out.outcomes[:, held_out.reference]
    known = ~np.isnan(failed) if rows is None else ~np.isnan(failed) & rows
    return fit_platt(-held_out.logits[known, held_out.reference], failed[known])


def measured(held_out: OutOfFold) -> dict[str, Any]:
    """Calibration error over all requests: head and calibration of each were fitted without its fold."""
    failed = 1 - held_out.outcomes[:, held_out.reference]
    difficulty, success = np.full(len(failed), np.nan), np.full(held_out.outcomes.shape, np.nan)
    for fold in range(FOLDS):
        rows = held_out.folds == fold
        difficulty[rows] = fit_difficulty(held_out, ~rows).many(-held_out.logits[rows, held_out.reference])
        success[rows] = fit_success(held_out, ~rows).many(held_out.logits[rows])
    judged, known = ~np.isnan(failed), ~np.isnan(held_out.outcomes)
    return {
        "n": int(judged.sum()),
        "calibration_error": expected_calibration_error(difficulty[judged], failed[judged]),
        "calibration_noise": calibration_noise(difficulty[judged]),
        "success_calibration_error": expected_calibration_error(success[known], held_out.outcomes[known]),
    }
