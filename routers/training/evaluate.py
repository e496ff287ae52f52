"""Measures a trained artifact on held-out data."""

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
from routers.signals import RequestText
from routers.training.calibrate import raw_logits
from routers.training.examples import of_part
from routers.training.metrics import auroc, bootstrap, macro_f1, recall_at
from routers.training.robustness import SAMPLE, flip_rate
from routers.training.routing import difficulty, placing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

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


def evaluate(
    folder: Path, labelled: Sequence[Example], outcomes: Sequence[Example], *, flips: int = SAMPLE
) -> dict[str, Any]:
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
        "new_target": placing(artifact, of_part(outcomes, "calibration"), dev_graded),
        "flip_rate": flip_rate(folder, dev, size=flips),
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


def latency(folder: Path, *, repeats: int = 400) -> dict[str, float]:
    """Milliseconds of `classify` for a prompt of about 512 tokens on one core: CPU time, and wall time."""
    classifier = RequestClassifier.load(folder)
    words = (
        "The committee met on Tuesday and agreed to review the budget before the end of the quarter. " * 26
    )
    text = RequestText(user=words, system="You are a helpful assistant.")
    for _ in range(20):
        classifier.classify(text)
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.thread_time()
        classifier.classify(text)
        cpu.append((time.thread_time() - start_cpu) * 1e3)
        wall.append((time.perf_counter() - start) * 1e3)
    return {
        "tokens": classifier.classify(text).tokens,
        "p50_cpu_ms": statistics.median(cpu),
        "p99_cpu_ms": sorted(cpu)[int(0.99 * repeats)],
        "p50_wall_ms": statistics.median(wall),
        "p99_wall_ms": sorted(wall)[int(0.99 * repeats)],
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
