"""Embeddings by the worker, through the official client, held against the encoder read another way."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import openai
import pytest

from gateway.settings import Settings
from routers.catalogue import resolve
from tests.integration.worker.conftest import ENCODER, LANGUAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.worker.conftest import Worker

TEXTS = ["A man is eating food.", "Someone has a meal.", "The stock market fell sharply on Monday."]


@pytest.fixture(scope="module")
def client(worker: Worker) -> Iterator[openai.OpenAI]:
    with worker.openai() as found:
        yield found


def reference(texts: list[str]) -> np.ndarray:
    """What sentence-transformers computes: transformers' model, mean over the attention mask, length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(resolve(ENCODER, Settings().model_dir))
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).float()
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(pooled, dim=1).numpy()


def vectors(response: Any) -> np.ndarray:
    return np.array([one.embedding for one in response.data])


def test_vectors_are_those_of_sentence_transformers(client: openai.OpenAI) -> None:
    """Beside a specialist's adapter on the same encoder; in order, of length 1, with the tokens counted."""
    response = client.embeddings.create(model=ENCODER, input=TEXTS)
    found = vectors(response)
    assert found.shape == (3, 384)
    assert np.allclose(found, reference(TEXTS), atol=1e-5)
    assert found[0] @ found[1] > 0.6 > 0.2 > found[0] @ found[2]
    assert [one.index for one in response.data] == [0, 1, 2]
    assert response.usage.prompt_tokens == response.usage.total_tokens == 8 + 7 + 10


def test_a_classification_before_changes_nothing(client: openai.OpenAI) -> None:
    """The adapter that a specialist has set is not in force for an embedding, nor the other way round."""
    review = "Is this review positive or negative? 'A joy from start to finish.' Answer with one word."
    messages = [{"role": "user", "content": review}]
    first = client.chat.completions.create(model="sentiment", messages=messages)
    before = vectors(client.embeddings.create(model=ENCODER, input=TEXTS[0]))
    again = client.chat.completions.create(model="sentiment", messages=messages)
    after = vectors(client.embeddings.create(model=ENCODER, input=TEXTS[0]))
    assert first.choices[0].message.content == again.choices[0].message.content
    assert np.allclose(before, after, atol=1e-6) and np.allclose(before, reference(TEXTS[:1]), atol=1e-5)


def test_both_encodings_hold_the_same_numbers(worker: Worker) -> None:
    """base64 is little-endian float32; float is a list."""
    with worker.http() as http:
        bodies = [
            http.post(
                "/v1/embeddings", json={"model": ENCODER, "input": TEXTS[0], "encoding_format": form}
            ).json()
            for form in ("base64", "float")
        ]
    packed, plain = (body["data"][0]["embedding"] for body in bodies)
    assert np.allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain, atol=1e-7)


def test_tokens_of_cl100k_stand_for_their_text(client: openai.OpenAI) -> None:
    """LangChain sends them by default: one list, or several."""
    food = [32, 893, 374, 12459, 3691, 13]  # "A man is eating food."
    wanted = vectors(client.embeddings.create(model=ENCODER, input=TEXTS[0]))
    assert np.allclose(vectors(client.embeddings.create(model=ENCODER, input=food)), wanted, atol=1e-5)
    several = vectors(client.embeddings.create(model=ENCODER, input=[food, food]))
    assert np.allclose(several, np.repeat(wanted, 2, 0), atol=1e-5)


def test_fewer_dimensions_have_length_one(client: openai.OpenAI) -> None:
    """The first ones, scaled, as OpenAI shortens its own."""
    found = vectors(client.embeddings.create(model=ENCODER, input=TEXTS[0], dimensions=64))
    whole = vectors(client.embeddings.create(model=ENCODER, input=TEXTS[0]))[:, :64]
    assert found.shape == (1, 64)
    assert np.allclose(found, whole / np.linalg.norm(whole), atol=1e-5)


def test_many_inputs_come_back_in_order(client: openai.OpenAI) -> None:
    """More texts than one pass holds, of different lengths."""
    texts = [f"{'word ' * (n % 37)}number {n}" for n in range(150)]
    found = vectors(client.embeddings.create(model=ENCODER, input=texts))
    for place in (0, 31, 32, 149):
        one = vectors(client.embeddings.create(model=ENCODER, input=texts[place]))[0]
        assert found[place] @ one == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"input": ""}, "input", "not empty"),
        ({"input": []}, "input", "1 to 2048"),
        ({"input": ["a", ""]}, "input", r"input\[1\]"),
        ({"input": ["a"] * 2049}, "input", "1 to 2048"),
        ({"input": [[]]}, "input", "list of tokens"),
        ({"input": [10**12]}, "input", "cl100k_base"),
        ({"input": [-1]}, "input", "cl100k_base"),
        ({"input": "word " * 300}, "input", "at most 256"),
        ({"dimensions": 385}, "dimensions", "1 to 384"),
        ({"dimensions": 0}, "dimensions", "1 to 384"),
        ({"model": LANGUAGE}, "model", "does not embed"),
    ],
)
def test_bad_input_is_a_400(client: openai.OpenAI, change: dict[str, Any], param: str, words: str) -> None:
    """As OpenAI does: nothing is cut short or left out."""
    with pytest.raises(openai.BadRequestError, match=words) as raised:
        client.embeddings.create(**({"model": ENCODER, "input": "x"} | change))
    assert raised.value.param == param


def test_an_encoder_does_not_chat(client: openai.OpenAI) -> None:
    """It says where to ask it."""
    with pytest.raises(openai.BadRequestError, match="/v1/embeddings"):
        client.chat.completions.create(model=ENCODER, messages=[{"role": "user", "content": "hi"}])
