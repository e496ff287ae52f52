"""Measures a trained artifact on held-out data; also `python -m routers.training.evaluate --help`."""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routers.artifact import load
from routers.calibration import expected_calibration_error
from routers.classifier import RequestClassifier
from routers.heads import softmax
from routers.labels import REFERENCE_MODEL
from routers.signals import RequestText
from routers.training.calibrate import raw_logits
from routers.training.examples import of_part
from routers.training.metrics import apgr, auroc, bootstrap, macro_f1, recall_at
from routers.training.outcomes import graded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.training.calibrate import Logits
    from routers.training.examples import Example

    Interval = tuple[float, float, float]

FALSE_POSITIVE_RATES: Final = (0.01, 0.05)
PROBES: Final = (
    "hi",
    "Tell me a joke",
    "What is the capital of France?",
    "how do I boil an egg",
    "What is 17 * 23?",
    "Is this review positive or negative? 'The plot drags and the jokes are stale.' Answer with one word.",
    "Write a reply to this review: 'The plot drags and the jokes are stale.'",
    "Translate this review: 'The plot drags and the jokes are stale.'",
    "Find all functions f: R→R such that f(x+f(y)) = f(x) + y for all real numbers x and y.",
    "Refactor the payment module: split billing.py into invoices.py, refunds.py and ledger.py, update every import "
    "across the 14 services, keep the public API, and migrate the tests to pytest fixtures.",
    "A 54-year-old woman with systemic sclerosis presents with new dyspnoea, a DLCO of 45 %, an mPAP of 38 mmHg and "
    "a normal wedge pressure. Discuss the differential diagnosis, the further work-up and an evidence-based treatment "
    "plan with its monitoring.",
)
"""Requests whose signals the report shows one by one; no figure is computed from them."""

PAIRS: Final = {
    "mmlu_pro": ("llama-3.1-8b-instruct", "llama-3.1-70b-instruct"),
    "zeroeval": ("llama-3.1-8b-instruct", "llama-3.1-405b-instruct"),
    "llmrouter": ("llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct"),
}
"""Weak and strong model of each graded collection, for APGR."""


def evaluate(folder: Path, labelled: Sequence[Example], outcomes: Sequence[Example]) -> dict[str, Any]:
    """Every held-out figure of the artifact that needs no retraining."""
    artifact = load(folder)
    dev, dev_graded = of_part(labelled, "dev"), of_part(outcomes, "dev")
    logits = raw_logits(artifact, dev)
    return {
        "version": artifact.version,
        "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        "task": _categorical(
            artifact.tasks, logits.task / artifact.task_temperature, [e.task for e in dev], dev
        ),
        "domain": _categorical(
            artifact.domains, logits.domain / artifact.domain_temperature, [e.domain for e in dev], dev
        ),
        "pii": _flag(artifact.pii.many(logits.flags[:, 0]), [e.pii for e in dev]),
        "injection": _flag(artifact.injection.many(logits.flags[:, 1]), [e.injection for e in dev]),
        "difficulty": difficulty(artifact, dev_graded),
        "latency": latency(folder),
        "probes": probes(folder),
    }


def _categorical(
    names: tuple[str, ...], logits: NDArray[np.float32], truth: Sequence[str | None], dev: Sequence[Example]
) -> dict[str, Any]:
    known = np.array([label is not None for label in truth])
    labels = np.array([names.index(label) if label is not None else -1 for label in truth])[known]
    probabilities = softmax(logits[known])
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    groups = np.array([e.source.split("/")[0] for e in dev])[known]
    return {
        "n": int(known.sum()),
        "macro_f1": bootstrap(lambda rows: macro_f1(labels[rows], predicted[rows]), len(labels), draws=200),
        "accuracy": float(np.mean(labels == predicted)),
        "calibration_error": expected_calibration_error(confidence, labels == predicted),
        "accuracy_by_source": {
            str(g): [int(np.sum(groups == g)), float(np.mean((labels == predicted)[groups == g]))]
            for g in np.unique(groups)
        },
        "f1": {names[label]: _f1(labels, predicted, int(label)) for label in np.unique(labels)},
    }


def _f1(truth: NDArray[np.int64], predicted: NDArray[np.int64], label: int) -> float:
    hits = np.sum((truth == label) & (predicted == label))
    return float(2 * hits / max(np.sum(truth == label) + np.sum(predicted == label), 1))


def _flag(probabilities: NDArray[np.floating], truth: Sequence[bool | None]) -> dict[str, Any]:
    known = np.array([label is not None for label in truth])
    scores, positive = probabilities[known], np.array([bool(label) for label in truth])[known]
    return {
        "positives": int(positive.sum()),
        "negatives": int((~positive).sum()),
        "auroc": auroc(scores, positive),
        "calibration_error": expected_calibration_error(scores, positive),
        "recall": {
            f"at {rate:.0%} false positives": recall_at(scores, positive, false_positive_rate=rate)
            for rate in FALSE_POSITIVE_RATES
        },
    }


def difficulty(artifact: Artifact, dev: Sequence[Example]) -> dict[str, Any]:
    """How well failure of the reference model is foreseen: pooled, within sources, and as a router."""
    logits = raw_logits(artifact, dev)
    data = graded(dev, artifact.abilities.names)
    reference = artifact.abilities.names.index(REFERENCE_MODEL)
    failed = 1 - data.outcomes[:, reference]
    probability = artifact.difficulty.many(-logits.success[:, reference])
    lengths = np.array([len(e.text.user) for e in dev], dtype=float)
    known = ~np.isnan(failed)
    by_source = {}
    for source in sorted({e.source for e in dev}):
        rows = np.array([e.source == source for e in dev]) & known
        by_source[source] = _router_row(artifact, data.outcomes, probability, lengths, rows, source)
    return {
        "n": int(known.sum()),
        "auroc": bootstrap(lambda r: auroc(probability[known][r], failed[known][r] > 0.5), int(known.sum())),
        "auroc_length": auroc(lengths[known], failed[known] > 0.5),
        "calibration_error": expected_calibration_error(probability[known], failed[known]),
        "success_calibration_error": _success_error(artifact, logits, data.outcomes),
        "by_source": by_source,
    }


def _success_error(artifact: Artifact, logits: Logits, outcomes: NDArray[np.float32]) -> float:
    known = ~np.isnan(outcomes)
    return expected_calibration_error(artifact.success.many(logits.success[known]), outcomes[known])


def _router_row(
    artifact: Artifact,
    outcomes: NDArray[np.float32],
    probability: NDArray[np.floating],
    lengths: NDArray[np.float64],
    rows: NDArray[np.bool_],
    source: str,
) -> dict[str, Any]:
    weak, strong = (artifact.abilities.names.index(name) for name in PAIRS[source.split("/")[0]])
    rows = rows & ~np.isnan(outcomes[:, strong])
    return router_row(probability[rows], lengths[rows], outcomes[rows, weak], outcomes[rows, strong])


def router_row(
    scores: NDArray[np.floating],
    lengths: NDArray[np.floating],
    weak: NDArray[np.floating],
    strong: NDArray[np.floating],
) -> dict[str, Any]:
    """AUROC of failure and APGR of one source, beside the length of the prompt."""
    failed = weak < 0.5

    def advantage(rows: NDArray[np.integer]) -> float:
        return apgr(scores[rows], weak[rows], strong[rows]) - apgr(lengths[rows], weak[rows], strong[rows])

    return {
        "n": len(scores),
        "auroc": auroc(scores, failed),
        "auroc_length": auroc(lengths, failed),
        "apgr": bootstrap(lambda r: apgr(scores[r], weak[r], strong[r]), len(scores)),
        "apgr_length": apgr(lengths, weak, strong),
        "apgr_over_length": bootstrap(advantage, len(scores)),
    }


def latency(folder: Path, *, repeats: int = 400) -> dict[str, float]:
    """Milliseconds of `classify` for a prompt of about 512 tokens, on the core it happens to run on."""
    classifier = RequestClassifier.load(folder)
    words = (
        "The committee met on Tuesday and agreed to review the budget before the end of the quarter. " * 26
    )
    text = RequestText(user=words, system="You are a helpful assistant.")
    for _ in range(20):
        classifier.classify(text)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        classifier.classify(text)
        times.append((time.perf_counter() - start) * 1e3)
    return {
        "tokens": classifier.classify(text).tokens,
        "p50_ms": statistics.median(times),
        "p99_ms": sorted(times)[int(0.99 * repeats)],
    }


def probes(folder: Path) -> list[dict[str, Any]]:
    """The signals of `PROBES`."""
    classifier = RequestClassifier.load(folder)
    rows = []
    for prompt in PROBES:
        signals = classifier.classify(RequestText(user=prompt))
        rows.append(
            {
                "prompt": prompt[:80],
                "task": signals.task,
                "task_confidence": round(signals.task_confidence, 3),
                "domain": signals.domain,
                "difficulty": round(signals.difficulty, 3),
                "pii": round(signals.pii, 3),
                "injection": round(signals.injection, 3),
                "language": signals.language,
            }
        )
    return rows


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write the figures beside the artifact, as `report.json`."""
    (folder / "report.json").write_text(json.dumps(report, indent=1, default=float) + "\n", encoding="utf-8")
