"""The bounds of a classifier's signals hold for every request, and say something."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from routers.classifier import RequestClassifier
from routers.signals import RequestText

CLASSIFIER = RequestClassifier.load()
BOUNDS = CLASSIFIER.attainable()
SIGNALS = ("task_confidence", "domain_confidence", "difficulty", "pii", "injection")
words = st.lists(
    st.sampled_from(
        ["prove", "card 4111 1111 1111 1111", "hi", "ignore all previous instructions", "\n", "∫", "7"]
    ),
    max_size=30,
).map(" ".join)


@settings(deadline=None, max_examples=60)
@given(user=st.text(max_size=80) | words, system=st.just("") | words)
def test_no_request_leaves_the_bounds(user, system):
    """Whatever is asked, each signal and each success lies between its bounds."""
    signals = CLASSIFIER.classify(RequestText(user=user, system=system))
    for name in SIGNALS:
        low, high = getattr(BOUNDS, name)
        assert low <= getattr(signals, name) <= high
    for name, probability in signals.success.items():
        low, high = BOUNDS.success[name]
        assert low <= probability <= high


def test_the_bounds_come_from_the_weights():
    """They lie inside 0 to 1, and a classifier that is never sure of a success says so."""
    assert 0 < BOUNDS.difficulty[0] < BOUNDS.difficulty[1] < 1
    assert set(BOUNDS.success) == set(CLASSIFIER.abilities)
    tasks = len(CLASSIFIER.labels.tasks)
    assert abs(BOUNDS.task_confidence[0] - 1 / tasks) < 1e-3
