"""Specialists on a shared encoder: a tiny random one, and the shipped one where its base is present."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from routers.specialists.encoder import SharedEncoder
from routers.specialists.registry import SpecialistError
from routers.specialists.text import TextSpecialist, load_specialist, predict_mixed
from tests.unit.routers.specialists.tiny import WORDS, tiny_encoder, tiny_specialist

if TYPE_CHECKING:
    from routers.specialists.base import Prediction

MODEL_DIR = Path(
    os.environ.get(
        "POINTSMAN_MODEL_DIR", Path.home() / ".cache" / "pointsman" / "models" / "all-minilm-l6-v2"
    )
)
TEXTS = ["good film", "bad", "the plot is not very great a joy", "awful slow boring dull", "fun"]

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning"
)  # peft with transformers 5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def folders(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("specialists")
    return tiny_specialist(root / "one", base, "one", seed=1), tiny_specialist(
        root / "two", base, "two", seed=2
    )


@pytest.fixture(scope="module")
def pair(base: Path, folders: tuple[Path, Path]) -> tuple[TextSpecialist, TextSpecialist]:
    """Two specialists on one encoder."""
    one = cast("TextSpecialist", load_specialist(folders[0], base))
    return one, cast("TextSpecialist", load_specialist(folders[1], base, encoder=one.encoder))


def close(left: Prediction, right: Prediction) -> bool:
    return left.label == right.label and left.probabilities == pytest.approx(right.probabilities, abs=1e-5)


def test_predicts_one_calibrated_distribution_a_text(pair: tuple[TextSpecialist, TextSpecialist]) -> None:
    """Each text gets a distribution over all labels, its best label, and the tokens read."""
    predictions = pair[0].predict(TEXTS)
    assert [p.tokens for p in predictions] == [len(text.split()) + 2 for text in TEXTS]
    for prediction in predictions:
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert (
            prediction.confidence
            == prediction.probabilities[prediction.label]
            == max(prediction.probabilities.values())
        )


def test_a_text_is_read_alike_alone_and_in_a_batch(pair: tuple[TextSpecialist, TextSpecialist]) -> None:
    """Padding, sorting and the size of the batch change nothing, over more texts than one pass takes."""
    texts = [" ".join(WORDS[i % 7 : i % 7 + 1 + i % 11]) for i in range(70)]
    together = pair[0].predict(texts)
    assert all(close(together[i], pair[0].predict([texts[i]])[0]) for i in (0, 1, 33, 69))


def test_specialists_share_a_batch(pair: tuple[TextSpecialist, TextSpecialist]) -> None:
    """A batch of two specialists gives each the same as on its own, and the two differ."""
    one, two = pair
    mixed = predict_mixed([(one, TEXTS[0]), (two, TEXTS[0]), (one, TEXTS[2]), (two, TEXTS[3])])
    alone = [
        one.predict([TEXTS[0]]),
        two.predict([TEXTS[0]]),
        one.predict([TEXTS[2]]),
        two.predict([TEXTS[3]]),
    ]
    assert all(close(left, right[0]) for left, right in zip(mixed, alone, strict=True))
    assert not close(mixed[0], mixed[1])


def test_a_long_text_keeps_its_head_and_its_tail(base: Path, folders: tuple[Path, Path]) -> None:
    """Beyond the limit the middle is left out, so that an end that turns the judgement counts."""
    encoder = SharedEncoder(base, max_tokens=8)
    specialist = load_specialist(folders[0], base, encoder=encoder)
    same = specialist.predict([f"good film the {'plot ' * n} is awful boring" for n in (40, 90)])
    other = specialist.predict([f"good film the {'plot ' * 40} is great fun"])[0]
    assert same[0].tokens == 8
    assert close(same[0], same[1])
    assert not close(same[0], other)


def test_specialists_of_two_encoders_do_not_share_a_batch(
    pair: tuple[TextSpecialist, TextSpecialist], base: Path, folders: tuple[Path, Path]
) -> None:
    """Mixing encoders in one batch is a mistake of the caller."""
    stranger = cast("TextSpecialist", load_specialist(folders[1], base))
    with pytest.raises(ValueError, match="share one encoder"):
        predict_mixed([(pair[0], "good"), (stranger, "good")])


def test_refuses_another_encoder_than_it_was_trained_on(base: Path) -> None:
    """Adapters fit one set of base weights; others are told apart by their digest."""
    with pytest.raises(
        SpecialistError, match="is not the `all-minilm-l6-v2` that `sentiment` was trained on"
    ):
        load_specialist("sentiment", base)


def test_says_how_to_get_a_missing_encoder(tmp_path: Path) -> None:
    """Without base weights the error names the command that fetches them."""
    with pytest.raises(FileNotFoundError, match="pointsman models pull all-minilm-l6-v2"):
        load_specialist("sentiment", tmp_path)


@pytest.mark.skipif(not MODEL_DIR.is_dir(), reason="all-minilm-l6-v2 is not in the model folder")
def test_the_shipped_specialist_tells_praise_from_blame() -> None:
    """Plain praise and plain blame, typed as people type, get their label with high confidence."""
    specialist = load_specialist("sentiment", MODEL_DIR)
    texts = {
        "The plot drags and the jokes are stale.": "negative",
        "A joy from start to finish.": "positive",
        "I'd buy it again, works perfectly and the battery lasts for days!": "positive",
        "Stopped working after two weeks. Don't waste your money.": "negative",
        "Not bad at all - I really enjoyed it.": "positive",
        "This movie was not good.": "negative",
    }
    found = specialist.predict(list(texts))
    assert [p.label for p in found] == list(texts.values())
    assert min(p.confidence for p in found) > 0.7
