"""Hugging Face folders with causal language models, by transformers: for weights that are no GGUF, and for GPUs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from routers.specialists.language import Piece, PromptTooLong, Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routers.specialists.language import Generation


class TransformersModel:
    """One checkpoint in safetensors; answers one request at a time."""

    slots = 1
    structured = False

    def __init__(self, folder: Path, *, threads: int = 1, context: int = 2048, device: str = "cpu") -> None:
        """Load tokenizer and weights from the folder, and nothing from anywhere else; runs no code of it.

        `context` is capped by what the checkpoint was trained for. `threads` is torch's setting for the process.
        Raises FileNotFoundError when the weights are no safetensors.
        """
        if not any(folder.glob("*.safetensors")):
            raise FileNotFoundError(f"{folder} holds no .safetensors file (pickled weights are not loaded)")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(threads)
        local = {"local_files_only": True, "trust_remote_code": False}
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), **local)
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(folder), use_safetensors=True, dtype="auto", **local
        )
        self._model = model.to(device).eval()
        self._device = device
        self._context = min(context, getattr(self._model.config, "max_position_embeddings", None) or context)

    def complete(self, generation: Generation, emit: Callable[[Piece], bool]) -> None:
        """Produce one answer; see `LanguageModel.complete`."""
        import torch
        from transformers import StoppingCriteriaList

        prompt = self._prompt(generation)
        room = self._context - prompt.shape[1]
        if room < 1:
            raise PromptTooLong(
                f"The prompt has {prompt.shape[1]} tokens; this model takes at most {self._context}."
            )
        if generation.seed is not None:
            torch.manual_seed(generation.seed % 2**63)
        writer = _Writer(self._tokenizer, generation.stop, emit)
        with torch.inference_mode():
            self._model.generate(
                prompt.to(self._device),
                attention_mask=torch.ones_like(prompt, device=self._device),
                max_new_tokens=min(generation.max_tokens, room),
                pad_token_id=self._pad(),
                streamer=writer,
                stopping_criteria=StoppingCriteriaList([writer.wants_stop]),
                **_sampling(generation),
            )
        writer.finish(prompt.shape[1], self._ends())

    def _prompt(self, generation: Generation) -> Any:  # noqa: ANN401 - a tensor; torch is imported on loading
        """Return the token ids of the conversation, shape (1, tokens)."""
        turns = [{"role": turn.role, "content": turn.content} for turn in generation.turns]
        if self._tokenizer.chat_template:
            return self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )["input_ids"]
        text = "\n\n".join(turn["content"] for turn in turns)
        return self._tokenizer(text, return_tensors="pt")["input_ids"]

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends} - {None}

    def _pad(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad) if pad is not None else next(iter(self._ends()), 0)


def _sampling(generation: Generation) -> dict[str, Any]:
    if generation.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": generation.temperature, "top_p": generation.top_p, "top_k": 0}


class _Writer:
    """Turns the tokens that `generate` reports into pieces of text, and ends at a stop text.

    `generate` calls it from its own loop: `put` first with the prompt, then with each token.
    """

    def __init__(self, tokenizer: Any, stop: tuple[str, ...], emit: Callable[[Piece], bool]) -> None:  # noqa: ANN401
        self._tokenizer, self._emit = tokenizer, emit
        self._hold = StopText(stop)
        self._ids: list[int] = []
        self._done = 0
        """Tokens whose text has been handed on."""
        self._context = 0
        """First token of the window that is decoded: some tokenizers write a space only between two tokens."""
        self._seen_prompt = False
        self._stopped = threading.Event()

    def put(self, value: Any) -> None:  # noqa: ANN401 - a tensor of token ids
        if not self._seen_prompt:
            self._seen_prompt = True
            return
        self._ids += value.flatten().tolist()
        before = self._decode(self._context, self._done)
        text = self._decode(self._context, len(self._ids))
        if text.endswith("\ufffd") or len(text) <= len(before):
            return  # in the middle of a character that takes several tokens
        self._context, self._done = self._done, len(self._ids)
        self._write(self._hold.feed(text[len(before) :]))

    def end(self) -> None:
        """Part of the streamer protocol; `finish` does the work, because it knows the end tokens."""

    def wants_stop(self, input_ids: Any, _scores: Any, **_: Any) -> Any:  # noqa: ANN401 - tensors
        """Say for each sequence of the batch (there is one) whether to stop."""
        import torch

        return torch.full((input_ids.shape[0],), self._stopped.is_set(), device=input_ids.device)

    def finish(self, prompt_tokens: int, ends: set[int]) -> None:
        """Hand on what was held back, how the answer ended and what it used."""
        natural = self._hold.found or (bool(self._ids) and self._ids[-1] in ends)
        self._write(self._hold.rest())
        self._emit(Piece(finish_reason="stop" if natural else "length"))
        self._emit(Piece(usage=Usage(prompt_tokens, len(self._ids))))

    def _write(self, text: str) -> None:
        enough = bool(text) and self._emit(Piece(text))
        if enough or self._hold.found:
            self._stopped.set()

    def _decode(self, start: int, end: int) -> str:
        return str(self._tokenizer.decode(self._ids[start:end], skip_special_tokens=True))


class StopText:
    """Finds the first of some stop texts in a text that arrives in parts, and holds back what may begin one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """Return what may be shown of the text so far; nothing from a stop text on."""
        if self.found:
            return ""
        self._held += text
        hits = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if hits:
            self.found = True
            shown, self._held = self._held[: min(hits)], ""
            return shown
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def rest(self) -> str:
        """Return what is still held back, when no more text will come."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
