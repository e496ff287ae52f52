"""Measures the finder of personal spans on held-out texts."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from routers.classifier import RequestClassifier
from routers.identifiers import locate_identifiers
from routers.spans import KINDS, SpanFinder, split
from routers.training.metrics import bootstrap, recall_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from routers.spans import Span
    from routers.training.examples import Example
    from routers.training.span_examples import Mark, Marked

FALSE_POSITIVE_RATES: Final = (0.01, 0.05)
_SOURCES: Final = ("pii", "written", "wikigold", "wnut17", "btc")
_COUNTED: Final = {"pii": ("name", "address", "phone"), "written": KINDS}
"""Kinds that a source marks; others mark names alone."""


def evaluate(folder: Path, dev: Sequence[Marked], requests: Sequence[Example]) -> dict[str, Any]:
    """Span F1 by source and kind, recall of personal requests, and latency."""
    finder = SpanFinder.load(folder)
    return {
        "version": finder.version,
        "bytes": sum(
            (folder / n).stat().st_size for n in ("model.safetensors", "vocabulary.txt", "config.json")
        ),
        "spans": {
            source: span_figures(finder, [m for m in dev if m.source == source], source)
            for source in _SOURCES
        },
        "requests": recalls(finder, requests),
        "latency": latency(finder),
    }


def span_figures(finder: SpanFinder, texts: Sequence[Marked], source: str) -> dict[str, Any]:
    """Figures over texts; a text's spans are resampled together."""
    kinds = _COUNTED.get(source, ("name",))
    pairs = [([m for m in t.marks if m[2] in kinds], finder(t.text)) for t in texts]
    found = {}
    for name in ("all", *kinds):
        chosen = kinds if name == "all" else (name,)
        counts = np.array([_counts(marks, spans, chosen) for marks, spans in pairs]).reshape(-1, 5)
        if counts[:, 0].sum():
            found[name] = {
                "marked": int(counts[:, 0].sum()),
                "exact": bootstrap(partial(_f1_of_rows, counts, 2), len(counts)),
                "overlap": bootstrap(partial(_f1_of_rows, counts, 3), len(counts)),
            }
    return found


def _counts(
    marks: Sequence[Mark], spans: Sequence[Span], kinds: Sequence[str]
) -> tuple[int, int, int, int, int]:
    """Marked, found, equal, marked ones that are touched, found ones that touch."""
    truth = [m for m in marks if m[2] in kinds]
    given = [s for s in spans if s.kind in kinds]
    equal = sum((s.start, s.end, s.kind) in truth for s in given)
    touched = sum(any(_touch(m, s) for s in given) for m in truth)
    return len(truth), len(given), equal, touched, sum(any(_touch(m, s) for m in truth) for s in given)


def _touch(mark: Mark, span: Span) -> bool:
    return mark[2] == span.kind and mark[0] < span.end and span.start < mark[1]


def _f1_of_rows(counts: NDArray[np.int64], column: int, rows: NDArray[np.integer]) -> float:
    return f1(counts[rows], column)


def _recall_of_rows(
    scores: NDArray[np.float64], personal: NDArray[np.bool_], rate: float, rows: NDArray[np.integer]
) -> float:
    return recall_at(scores[rows], personal[rows], false_positive_rate=rate)[0]


def f1(counts: NDArray[np.int64], column: int) -> float:
    """Micro F1 from rows of `_counts`: exact from column 2, by overlap from columns 3 and 4."""
    marked, given = counts[:, 0].sum(), counts[:, 1].sum()
    if column == 2:
        return float(2 * counts[:, 2].sum() / max(marked + given, 1))
    recall, precision = counts[:, 3].sum() / max(marked, 1), counts[:, 4].sum() / max(given, 1)
    return float(2 * recall * precision / max(recall + precision, 1e-9))


def recalls(finder: SpanFinder, requests: Sequence[Example]) -> dict[str, Any]:
    """Recall of personal requests at stated false-positive rates, by each way to score a request."""
    known = [e for e in requests if e.pii is not None]
    personal = np.array([bool(e.pii) for e in known])
    classifier = RequestClassifier.load()
    head = np.array([classifier.classify(e.text).pii for e in known])
    identifiers = np.array([identified(e.text.user) for e in known])
    spans = np.array([request_score(finder, e.text.user) for e in known])
    joint = 1 - (1 - head) * (1 - spans)
    ways = {"identifiers": identifiers, "classifier": head, "spans": spans, "classifier and spans": joint}
    found: dict[str, Any] = {"personal": int(personal.sum()), "others": int((~personal).sum())}
    for name, scores in ways.items():
        found[name] = {
            f"at {rate:.0%}": bootstrap(
                partial(_recall_of_rows, scores, personal, rate), len(known), draws=200
            )
            for rate in FALSE_POSITIVE_RATES
        }
    flagged = identifiers > 0
    found["identifiers alone"] = {
        "recall": float(flagged[personal].mean()),
        "false_positives": float(flagged[~personal].mean()),
    }
    return found


def identified(text: str) -> float:
    """The largest floor of an identifier in the text, 0 without one."""
    return max((floor for *_, floor in locate_identifiers(text)), default=0.0)


def request_score(finder: SpanFinder, text: str) -> float:
    """The largest probability that a part of the text is personal, or the floor of an identifier."""
    words = split(text)
    if not words.texts:
        return 0.0
    probabilities, _ = finder.probabilities(words)
    return max(float(probabilities[:, 1 : len(KINDS) + 1].sum(axis=1).max()), identified(text))


def latency(finder: SpanFinder, *, repeats: int = 300) -> dict[str, float]:
    """Microseconds of CPU time for a sentence, and for about 400 words."""
    sentence = (
        "Dear Mrs Elena Novak, your parcel goes to 12 Mill Lane, Leeds; call 0113 496 0000 to change that."
    )
    found = {}
    for name, text in {"sentence_us": sentence, "page_us": " ".join([sentence] * 20)}.items():
        spent = []
        for _ in range(repeats):
            start = time.thread_time()
            finder(text)
            spent.append((time.thread_time() - start) * 1e6)
        found[name] = statistics.median(spent)
    return found
