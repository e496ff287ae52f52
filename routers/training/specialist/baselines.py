"""Simple classifiers that a fine-tuned specialist must beat to be worth its milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from routers.training.specialist.examples import Example

    Predict = Callable[[Sequence[str]], NDArray[np.int64]]


FROZEN_ROWS = 4000
"""Most training texts that the frozen encoder reads: more would take longer than the fine-tuning itself."""


def majority(train: Sequence[Example], labels: Sequence[str]) -> Predict:
    """Answer the commonest label of the training texts."""
    counts = [sum(example.label == label for example in train) for label in labels]
    return lambda texts: np.full(len(texts), int(np.argmax(counts)))


def tfidf(train: Sequence[Example], labels: Sequence[str]) -> Predict:
    """Fit logistic regression on TF-IDF of words and word pairs."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(C=10, max_iter=500),
    )
    model.fit([example.text for example in train], [labels.index(example.label) for example in train])
    return lambda texts: np.asarray(model.predict(list(texts)))


def frozen_encoder(
    train: Sequence[Example], labels: Sequence[str], embed: Callable[[Sequence[str]], NDArray[np.float64]]
) -> Predict:
    """Fit logistic regression on mean-pooled vectors of the encoder as downloaded, of `FROZEN_ROWS` texts."""
    step = max(1, -(-len(train) // FROZEN_ROWS))
    train = train[::step]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=500))
    vectors = embed([example.text for example in train])
    model.fit(vectors, [labels.index(example.label) for example in train])
    return lambda texts: np.asarray(model.predict(embed(texts)))
