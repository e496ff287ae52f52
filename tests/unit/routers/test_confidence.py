"""Whether the shipped classifier knows when it does not know."""

from __future__ import annotations

import numpy as np

from routers.classifier import RequestClassifier
from routers.signals import RequestText
from tests.unit.routers.mixed import MIXED


def test_confidence_varies_and_accuracy_rises_with_it() -> None:
    """On requests of every task the surest third is right most often, the least sure third least often."""
    classifier = RequestClassifier.load()
    asked = [(task, text) for task, texts in MIXED.items() for text in texts]
    signals = [classifier.classify(RequestText(user=text)) for _, text in asked]
    confidence = np.array([s.task_confidence for s in signals])
    right = np.array([s.task == task for s, (task, _) in zip(signals, asked, strict=True)])
    assert set(MIXED) == set(classifier.labels.tasks)
    assert confidence.std() > 0.1
    assert len(np.unique(confidence.round(2))) > 10
    unsure, middling, sure = (float(right[third].mean()) for third in np.array_split(confidence.argsort(), 3))
    assert unsure + 0.2 < sure
    assert unsure <= middling <= sure
    assert sure >= 0.9
