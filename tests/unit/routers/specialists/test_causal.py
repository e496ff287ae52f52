"""Hugging Face folders: streamed text, stop texts, limits; on a tiny random checkpoint made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routers.specialists.causal import StopText
from routers.specialists.language import Generation, Piece, PromptTooLong, Turn, load_language_model

if TYPE_CHECKING:
    from pathlib import Path

    from routers.specialists.language import LanguageModel

WORDS = ["<s>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz", "é", "points", "train", "track", "signal"]
TEMPLATE = "{% for m in messages %}{{ m['role'][0] }} {{ m['content'] }} {% endfor %}"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a random two-layer Llama with a word-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-llama")
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> LanguageModel:
    """Load that checkpoint as the worker does."""
    return load_language_model(checkpoint)


def generation(**changes: object) -> Generation:
    """A short greedy request."""
    given = {"turns": (Turn("user", "a b c"),), "max_tokens": 12, "temperature": 0.0, "top_p": 1.0} | changes
    return Generation(**given)  # type: ignore[arg-type]


def run(model: LanguageModel, ask: Generation) -> tuple[str, list[Piece]]:
    """All pieces of an answer, and their text joined."""
    pieces: list[Piece] = []

    def emit(piece: Piece) -> bool:
        pieces.append(piece)
        return False

    model.complete(ask, emit)
    return "".join(piece.text for piece in pieces), pieces


def test_answer_arrives_in_parts_and_ends_with_reason_and_usage(model: LanguageModel) -> None:
    """Text comes token by token; then why it ended; then the tokens read and written."""
    text, pieces = run(model, generation())
    assert text
    assert sum(bool(piece.text) for piece in pieces) > 1
    assert pieces[-2].finish_reason == "length"
    assert pieces[-1].usage is not None
    assert (pieces[-1].usage.prompt_tokens, pieces[-1].usage.completion_tokens) == (4, 12)


def test_greedy_answers_repeat_and_seeded_samples_repeat(model: LanguageModel) -> None:
    """The same request gives the same text; another seed gives another."""
    assert run(model, generation())[0] == run(model, generation())[0]
    first, again, other = (run(model, generation(temperature=2.0, seed=seed))[0] for seed in (1, 1, 2))
    assert first == again != other


def test_stop_text_ends_the_answer_before_it(model: LanguageModel) -> None:
    """All text before the stop text is shown and nothing after, wherever it lies within the tokens."""
    whole, _ = run(model, generation())
    for start in range(len(whole) - 2):
        stop = whole[start : start + 2]
        text, pieces = run(model, generation(stop=(stop,)))
        assert text == whole[: whole.index(stop)]
        assert pieces[-2].finish_reason == "stop"


def test_caller_that_has_enough_stops_the_model(model: LanguageModel) -> None:
    """When `emit` returns True hardly any further token is computed."""
    pieces: list[Piece] = []

    def emit(piece: Piece) -> bool:
        pieces.append(piece)
        return True

    model.complete(generation(max_tokens=40), emit)
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.completion_tokens < 5


def test_prompt_longer_than_the_context_is_refused(model: LanguageModel) -> None:
    """A prompt that leaves no room for an answer is an error that names both numbers."""
    with pytest.raises(PromptTooLong, match="101 tokens; this model takes at most 64"):
        run(model, generation(turns=(Turn("user", "a " * 100),)))


def test_answer_never_outgrows_the_context(model: LanguageModel) -> None:
    """`max_tokens` beyond the context ends with `length` where the context ends."""
    _, pieces = run(model, generation(max_tokens=500))
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.prompt_tokens + pieces[-1].usage.completion_tokens <= 64


def test_pickled_weights_are_not_loaded(checkpoint: Path, tmp_path: Path) -> None:
    """A folder with weights in `.bin` only is refused by name."""
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(FileNotFoundError, match="safetensors"):
        load_language_model(tmp_path)


@pytest.mark.parametrize("cut", range(1, 12))
def test_stop_text_is_found_wherever_the_parts_are_cut(cut: int) -> None:
    """How a text is cut into parts changes nothing about what is shown of it."""
    hold = StopText(("END", "ENOUGH"))
    shown = hold.feed("all ENDED now"[:cut]) + hold.feed("all ENDED now"[cut:]) + hold.rest()
    assert (shown, hold.found) == ("all ", True)


def test_what_only_looked_like_a_stop_text_is_shown() -> None:
    """The held-back beginning of a stop text appears when the text ends without it."""
    hold = StopText(("END",))
    assert hold.feed("the EN") == "the "
    assert hold.rest() == "EN"
    assert not hold.found
