"""Laws of the classifier's parts: calibration, quantisation, tokenising, ability, routing metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from routers.ability import Abilities, sigmoid, success_logits
from routers.calibration import Platt, expected_calibration_error, fit_platt, fit_temperature
from routers.classifier import RequestClassifier
from routers.encoder import (
    NGRAM_BITS,
    WINDOWS,
    QuantisedColumns,
    QuantisedRows,
    column_maxima,
    ngram_ids,
    window_weights,
)
from routers.language import TRIGRAM_BITS, trigram_ids
from routers.signals import RequestText
from routers.tokenizer import CONTINUATION, SHAPE_BITS, Tokenizer, fold
from routers.training.metrics import apgr, auroc

finite = st.floats(-8, 8, allow_nan=False, width=32)
tables = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=finite)
VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "re", "##view", "##s", "the", ".", "plot", "7", "##7")


@pytest.fixture(scope="module")
def classifier() -> RequestClassifier:
    return RequestClassifier.load()


@given(st.lists(st.tuples(finite, st.booleans()), min_size=5, max_size=60))
def test_platt_scaling_keeps_the_order(pairs) -> None:
    """A higher logit never gets a lower probability, whatever it was fitted on."""
    logits, outcomes = np.array([p[0] for p in pairs]), [p[1] for p in pairs]
    platt = fit_platt(logits, outcomes)
    calibrated = platt.many(np.sort(logits))
    assert np.all(np.diff(calibrated) >= 0)
    assert np.all((calibrated >= 0) & (calibrated <= 1))


@given(st.floats(0.3, 3), st.floats(-1, 1))
def test_platt_scaling_recovers_the_scale_that_made_the_outcomes(slope, offset) -> None:
    """Fitted on expected outcomes, it returns the slope and offset behind them."""
    logits = np.linspace(-4, 4, 4001)
    fitted = fit_platt(logits, Platt(slope, offset).many(logits))
    assert fitted.slope == pytest.approx(slope, abs=0.05)
    assert fitted.offset == pytest.approx(offset, abs=0.05)


def test_temperature_undoes_overconfidence() -> None:
    """Logits that were scaled by three are divided by three again."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    labels = np.array([rng.choice(4, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.15)


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_calibration_error_lies_between_zero_and_one(size, seed) -> None:
    """Any confidences and outcomes give an error in 0-1; certain and right gives 0."""
    rng = np.random.default_rng(seed)
    assert 0 <= expected_calibration_error(rng.random(size), rng.random(size) < 0.5) <= 1
    assert expected_calibration_error(np.ones(size), np.ones(size)) == 0


@given(tables)
def test_quantised_rows_are_off_by_half_a_step_at_most(table) -> None:
    """Dequantised entries differ from the table by at most half of their row's scale."""
    quantised = QuantisedRows.of(table)
    ids = np.arange(len(table))
    error = np.abs(quantised.take(ids) - table)
    assert np.all(error <= quantised.scales[:, None] * 0.5001 + 1e-6)
    assert np.allclose(quantised.mean(ids), quantised.take(ids).mean(axis=0), atol=1e-4)


@given(tables)
def test_the_maximum_of_quantised_columns_is_the_quantised_maximum(table) -> None:
    """Taking the maximum before scaling loses at most half a step of the column's scale."""
    quantised = QuantisedColumns.of(table)
    error = np.abs(quantised.maximum(np.arange(len(table))) - table.max(axis=0))
    assert np.all(error <= quantised.scales * 0.5001 + 1e-6)


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 90), st.integers(1, 5))))
def test_maxima_by_halving_are_the_maxima(rows) -> None:
    """However many rows there are, none is left out."""
    assert np.array_equal(column_maxima(rows), rows.max(axis=0))


@given(st.integers(0, 700), st.integers(0, 160))
def test_every_window_averages(length, system) -> None:
    """The weights of a window sum to 1, or to 0 where it is empty."""
    system = min(system, length)
    sums = window_weights(length, system).sum(axis=1)
    assert np.all(np.isclose(sums, 1, atol=1e-4) | (sums == 0))


def test_the_narrow_windows_are_the_ends_of_the_user_text() -> None:
    """Of thirty user tokens after five of the system text, the first and the last eight are averaged apart."""
    weights = dict(zip(WINDOWS, window_weights(35, 5) > 0, strict=True))
    assert np.flatnonzero(weights["system"]).tolist() == list(range(5))
    assert np.flatnonzero(weights["first"]).tolist() == list(range(5, 13))
    assert np.flatnonzero(weights["last"]).tolist() == list(range(27, 35))


@given(st.text(max_size=300), st.text(max_size=100))
def test_tokens_fit_the_tables(user, system) -> None:
    """Any text gives ids inside the vocabulary and hashed rows inside the tables, and never none of the latter."""
    tokens = Tokenizer(VOCABULARY)(RequestText(user=user, system=system))
    ids = tokens.packed & ((1 << SHAPE_BITS) - 1)
    assert np.all((ids >= 0) & (ids < len(VOCABULARY)))
    hashed = ngram_ids(tokens.packed)
    assert len(hashed)
    assert np.all((hashed >= 0) & (hashed < 2**NGRAM_BITS))
    trigrams = trigram_ids(user)
    assert np.all((trigrams >= 0) & (trigrams < 2**TRIGRAM_BITS))


@given(st.text(max_size=200))
def test_the_memo_does_not_change_the_tokens(text) -> None:
    """A tokenizer that has seen a text splits it as one that has not."""
    tokenizer = Tokenizer(VOCABULARY)
    first = tokenizer(RequestText(user=text)).packed
    assert np.array_equal(first, tokenizer(RequestText(user=text)).packed)


@given(st.text("abcdefghijklmnopqrstuvwxyzäéñ", max_size=20))
def test_folding_is_idempotent(word) -> None:
    """Folding a folded word changes nothing."""
    assert fold(fold(word)) == fold(word)


def test_words_split_greedily_and_keep_their_shape() -> None:
    """`Reviews` is `re ##view ##s`: titled at its start, continued after."""
    packed = Tokenizer(VOCABULARY)(RequestText(user="Reviews")).packed
    assert [VOCABULARY[p & 0xFFFF] for p in packed] == ["re", "##view", "##s"]
    assert [int(p) >> SHAPE_BITS for p in packed[1:]] == [CONTINUATION, CONTINUATION]
    assert packed[0] != Tokenizer(VOCABULARY)(RequestText(user="reviews")).packed[0]


@pytest.mark.parametrize(
    ("typed", "read"),
    [("reveiw", "review"), ("revview", "review"), ("paln", "plan"), ("thhe", "the"), ("teh", None)],
)
def test_known_words_are_recognised_with_exchanged_or_doubled_letters(typed, read) -> None:
    """Only in runs of four letters and more, and only inside them: shorter ones are too easily others."""
    vocabulary = (*VOCABULARY, "review", "plan", "the")
    pieces = [vocabulary[p & 0xFFFF] for p in Tokenizer(vocabulary)(RequestText(user=typed)).packed]
    assert (pieces == [read]) == (read is not None)


@pytest.mark.parametrize(
    ("typed", "read"),
    [("reiew", "review"), ("hose", "house"), ("HOSE", "house"), ("vew", None), ("eview", None)],
)
def test_known_words_are_recognised_without_an_inner_letter(typed, read) -> None:
    """The word that stands earlier in the vocabulary is read; words of four letters are too easily others."""
    vocabulary = (*VOCABULARY, "house", "review", "horse", "view")
    pieces = [vocabulary[p & 0xFFFF] for p in Tokenizer(vocabulary)(RequestText(user=typed)).packed]
    assert (pieces == [read]) == (read is not None)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=500), st.text(max_size=200))
def test_every_text_is_classified_within_range(classifier, user, system) -> None:
    """Total: probabilities lie in 0-1 and labels are known, for any Unicode text."""
    signals = classifier.classify(RequestText(user=user, system=system))
    assert signals.task in classifier.labels.tasks
    assert signals.domain in classifier.labels.domains
    assert all(
        0 <= p <= 1 for p in (signals.difficulty, signals.pii, signals.injection, *signals.success.values())
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_placing_recovers_an_ability_from_many_graded_requests(seed) -> None:
    """With thousands of expected outcomes, the placed vector predicts as the true one does."""
    rng = np.random.default_rng(seed)
    known = Abilities(tuple(f"m{i}" for i in range(20)), rng.normal(size=(20, 3)).astype(np.float32))
    embeddings = np.hstack([np.ones((4000, 1)), rng.normal(size=(4000, 3))]).astype(np.float32)
    truth = rng.normal(size=3).astype(np.float32)
    outcomes = sigmoid(embeddings[:, :-1] @ truth - embeddings[:, -1])
    placed = known.place(embeddings, outcomes)
    predicted = sigmoid(embeddings[:, :-1] @ placed - embeddings[:, -1])
    assert np.abs(predicted - outcomes).max() < 0.05


@settings(deadline=None, max_examples=20)
@given(st.text(max_size=200))
def test_success_asked_for_one_by_one_is_that_of_the_whole(classifier, user) -> None:
    """Each predicted probability is the calibrated logit of `success_logits` for its ability vector."""
    text = RequestText(user=user)
    predicted = classifier.classify(text).success
    vectors = classifier.ability_vectors
    logits = success_logits(np.stack(list(vectors.values())), classifier.embed(text))
    assert tuple(predicted) == tuple(vectors)
    assert list(predicted.values()) == pytest.approx(
        classifier.success_calibration.many(logits).tolist(), abs=1e-4
    )


def test_placing_without_evidence_gives_the_average_model() -> None:
    """No graded requests leave the prior mean; a wrong shape is an error that names the columns."""
    known = Abilities(("a", "b", "c"), np.array([[1, 0], [3, 2], [2, 1]], dtype=np.float32))
    assert known.place(np.zeros((0, 3)), np.zeros(0)) == pytest.approx([2, 1])
    with pytest.raises(ValueError, match="need 3 columns"):
        known.place(np.zeros((4, 2)), np.zeros(4))


def test_a_stronger_model_is_likelier_to_succeed() -> None:
    """More general ability raises the logit by exactly as much."""
    vectors = np.array([[0.0, 1.0], [2.0, 1.0]], dtype=np.float32)
    weak, strong = success_logits(vectors, np.array([1.0, 0.5, 0.3], dtype=np.float32))
    assert strong - weak == pytest.approx(2.0)


@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_apgr_of_a_constant_score_is_one_half(size, seed) -> None:
    """Ties share their gain, so that a router which cannot tell requests apart is random."""
    rng = np.random.default_rng(seed)
    weak, strong = rng.random(size) / 2, rng.random(size) / 2 + 0.5
    assert apgr(np.zeros(size), weak, strong) == pytest.approx(0.5)


@given(st.integers(2, 200), st.integers(0, 2**32 - 1))
def test_no_order_beats_the_order_by_gain(size, seed) -> None:
    """Routing by the true gain is the oracle; reversing a score mirrors its APGR at one half."""
    rng = np.random.default_rng(seed)
    weak, strong, scores = rng.random(size) / 2, rng.random(size) / 2 + 0.5, rng.random(size)
    value = apgr(scores, weak, strong)
    assert value <= apgr(strong - weak, weak, strong) + 1e-9
    assert value + apgr(-scores, weak, strong) == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=2, max_size=80))
def test_auroc_does_not_depend_on_the_scale(pairs) -> None:
    """Any increasing map leaves the area; reversing the score mirrors it."""
    scores, labels = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    if labels.all() or not labels.any():
        assert np.isnan(auroc(scores, labels))
    else:
        assert auroc(scores * 4, labels) == pytest.approx(auroc(scores, labels))
        assert auroc(-scores, labels) == pytest.approx(1 - auroc(scores, labels))
