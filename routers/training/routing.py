"""Measures the ability head as a router: on held-out rows, on a source left out, and for a model it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.ability import Abilities, success_logits
from routers.calibration import calibration_noise, expected_calibration_error
from routers.labels import REFERENCE_MODEL
from routers.training.calibrate import raw_logits
from routers.training.examples import fingerprint, stem
from routers.training.metrics import apgr, auroc, bootstrap
from routers.training.outcomes import fit_abilities, graded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.training.examples import Example
    from routers.training.outcomes import Meaning

    Array = NDArray[np.floating]

PAIRS: Final = {
    "mmlu_pro": (REFERENCE_MODEL, "llama-3.1-70b-instruct"),
    "zeroeval": (REFERENCE_MODEL, "llama-3.1-405b-instruct"),
    "llmrouter": (REFERENCE_MODEL, "llama-3.1-nemotron-51b-instruct"),
}
"""Weak and strong model of each graded collection, for APGR."""

NEW_TARGETS: Final = (
    "gemma-2-9b-it",
    "mistral-7b-instruct-v0.3",
    "mixtral-8x7b-instruct-v0.1",
    "qwen2.5-7b-instruct",
)
NEW_TARGET_EXAMPLES: Final = 50


def difficulty(artifact: Artifact, dev: Sequence[Example]) -> dict[str, Any]:
    """How well failure of the reference model is foreseen on held-out rows of the sources trained on."""
    logits = raw_logits(artifact, dev)
    data = graded(dev, artifact.abilities.names)
    reference = artifact.abilities.names.index(REFERENCE_MODEL)
    failed = 1 - data.outcomes[:, reference]
    probability = artifact.difficulty.many(-logits.success[:, reference])
    known, answered = ~np.isnan(failed), ~np.isnan(data.outcomes)
    lengths = prompt_lengths(dev)
    return {
        "n": int(known.sum()),
        "auroc": bootstrap(lambda r: auroc(probability[known][r], failed[known][r] > 0.5), int(known.sum())),
        "auroc_length": auroc(lengths[known], failed[known] > 0.5),
        "calibration_error": expected_calibration_error(probability[known], failed[known]),
        "calibration_noise": calibration_noise(probability[known]),
        "success_calibration_error": expected_calibration_error(
            artifact.success.many(logits.success[answered]), data.outcomes[answered]
        ),
    }


def leave_one_source_out(
    inputs: NDArray[np.float32],
    examples: Sequence[Example],
    *,
    copies: int,
    seed: int,
    meaning: Meaning | None = None,
) -> dict[str, Any]:
    """Refit the ability head without each source in turn, and route that source's rows.

    `inputs` has shape (copies * examples, width). Rows of other sources that share a text with the source left out
    are left out too. The encoder has seen the prompts, unlabelled by outcome, as examples of a task or domain.
    """
    sources = np.array([e.source for e in examples])
    texts = np.array([fingerprint(stem(e.text.user)) for e in examples])
    lengths, data = prompt_lengths(examples), graded(examples)
    rows: dict[str, Any] = {}
    for source in tqdm(sorted(set(sources)), desc="leave one source out", unit="source"):
        left_out = sources == source
        kept = np.flatnonzero(~left_out & ~np.isin(texts, texts[left_out])).tolist()
        fitted = np.concatenate([inputs[copy * len(examples) + np.array(kept)] for copy in range(copies)])
        others = graded([examples[i] for i in kept], data.models)
        network = fit_abilities(fitted, others, copies=copies, seed=seed, quiet=True, meaning=meaning)
        with torch.no_grad():
            logits = network(torch.from_numpy(inputs[: len(examples)][left_out])).numpy()
        weak, strong = (data.models.index(name) for name in PAIRS[source.split("/")[0]])
        outcomes = data.outcomes[left_out]
        known = ~np.isnan(outcomes[:, weak]) & ~np.isnan(outcomes[:, strong])
        rows[source] = (-logits[known, weak], lengths[left_out][known], *outcomes[known][:, [weak, strong]].T)
    return {
        "by_source": {source: _router_row(*values) for source, values in rows.items()},
        "mean": _mean_over_sources(list(rows.values())),
    }


def _router_row(scores: Array, lengths: Array, weak: Array, strong: Array) -> dict[str, Any]:
    return {
        "n": len(scores),
        "auroc": auroc(scores, weak < 0.5),
        "auroc_length": auroc(lengths, weak < 0.5),
        "apgr": bootstrap(lambda r: apgr(scores[r], weak[r], strong[r]), len(scores)),
        "apgr_length": apgr(lengths, weak, strong),
    }


def _mean_over_sources(rows: Sequence[tuple[Array, ...]]) -> dict[str, Any]:
    """Means over sources, each with an interval from resampling the rows inside every source."""

    def drawn(statistic: str, rng: np.random.Generator | None) -> float:
        values = []
        for scores, lengths, weak, strong in rows:
            r = np.arange(len(scores)) if rng is None else rng.integers(0, len(scores), len(scores))
            learnt, long = apgr(scores[r], weak[r], strong[r]), apgr(lengths[r], weak[r], strong[r])
            failed = weak[r] < 0.5
            values.append(
                {
                    "apgr": learnt,
                    "apgr_length": long,
                    "apgr_over_length": learnt - long,
                    "auroc": auroc(scores[r], failed),
                    "auroc_over_length": auroc(scores[r], failed) - auroc(lengths[r], failed),
                }[statistic]
            )
        # A source whose strong model is hardly better makes the ratio explode, hence the median over sources.
        return float(np.nanmedian(values) if statistic.startswith("apgr") else np.nanmean(values))

    result = {}
    for statistic in ("apgr", "apgr_length", "apgr_over_length", "auroc", "auroc_over_length"):
        rng = np.random.default_rng(0)
        draws = [drawn(statistic, rng) for _ in range(200)]
        lower, upper = np.nanpercentile(draws, [2.5, 97.5])
        result[statistic] = (drawn(statistic, None), float(lower), float(upper))
    return result


def placing(artifact: Artifact, pool: Sequence[Example], dev: Sequence[Example]) -> dict[str, Any]:
    """AUROC on dev of a model placed from a few graded rows, beside the vector fitted on all training rows.

    The placed model's own vector takes no part in the prior; the demand of requests was learnt with it.
    """
    names = artifact.abilities.names
    pool_logits, dev_logits = raw_logits(artifact, pool), raw_logits(artifact, dev)
    pool_data, dev_data = graded(pool, names), graded(dev, names)
    result = {}
    for name in NEW_TARGETS:
        column = names.index(name)
        others = Abilities(
            tuple(n for n in names if n != name), np.delete(artifact.abilities.vectors, column, axis=0)
        )
        known = np.flatnonzero(~np.isnan(pool_data.outcomes[:, column]))
        judged = ~np.isnan(dev_data.outcomes[:, column])
        passed = dev_data.outcomes[judged, column] >= 0.5
        scores = []
        for draw in range(10):
            chosen = np.random.default_rng(draw).permutation(known)[:NEW_TARGET_EXAMPLES]
            vector = others.place(pool_logits.embeddings[chosen], pool_data.outcomes[chosen, column])
            predicted = [success_logits(vector[None], e)[0] for e in dev_logits.embeddings[judged]]
            scores.append(auroc(predicted, passed))
        result[name] = {
            "n": int(judged.sum()),
            "auroc_full": auroc(dev_logits.success[judged, column], passed),
            "auroc_placed": float(np.mean(scores)),
        }
    return result


def prompt_lengths(examples: Sequence[Example]) -> Array:
    """Characters of each prompt, the baseline that any router must beat."""
    return np.array([len(e.text.user) for e in examples], dtype=np.float64)
