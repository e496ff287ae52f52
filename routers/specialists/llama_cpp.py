"""GGUF models by llama.cpp, in this process, with continuous batching over a fixed number of slots."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from routers.specialists.language import GenerationFailed, InvalidGeneration, Piece, PromptTooLong, Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from routers.specialists.language import Generation

_SILENT = 0
_BATCH = 512
"""Prompt tokens of one forward pass."""


class LlamaCppModel:
    """One GGUF model; `complete` may run in `slots` threads at once and decodes them in one batch."""

    structured = True

    def __init__(self, path: Path, *, threads: int = 1, slots: int = 4, context: int = 2048) -> None:
        """Load the file. The key-value cache is taken at once: `slots` times `context` tokens.

        Raises FileNotFoundError, or RuntimeError when llama.cpp cannot read the file.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        import xllamacpp

        self.slots = slots
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.kv_unified = slots * context, slots, False
        params.n_batch, params.n_ubatch = _BATCH, _BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.cache_ram_mib = 0  # its default keeps up to 8 GB of finished conversations
        params.fit_params = False
        params.verbosity = _SILENT  # failures come back as values; its log would repeat them
        params.ui = params.endpoint_slots = False
        params.n_threads_http = 1
        # The binding cannot leave out llama.cpp's own HTTP listener. It gets a socket file that
        # nobody else can open and that is gone once the model is loaded.
        with tempfile.TemporaryDirectory() as private:
            params.hostnames = [f"{private}/unused.sock"]
            self._server = xllamacpp.Server(params)

    def complete(self, generation: Generation, emit: Callable[[Piece], bool]) -> None:
        """Produce one answer; see `LanguageModel.complete`."""
        errors: list[dict[str, Any]] = []

        def on_chunk(chunk: dict[str, Any]) -> bool:
            if "error" in chunk:
                errors.append(chunk["error"])
                return True
            stop = False
            for piece in _pieces(chunk):
                stop = emit(piece) or stop
            return stop

        self._server.handle_chat_completions(_request(generation), on_chunk)
        if errors:
            raise _failure(errors[0])


def _request(generation: Generation) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in generation.turns],
        "max_tokens": generation.max_tokens,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "frequency_penalty": generation.frequency_penalty,
        "presence_penalty": generation.presence_penalty,
        "stop": list(generation.stop),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if generation.seed is not None:
        body["seed"] = generation.seed % 2**32
    if generation.response_format is not None:
        body["response_format"] = dict(generation.response_format)
    return body


def _pieces(chunk: dict[str, Any]) -> list[Piece]:
    found = []
    for choice in chunk["choices"]:
        text, reason = choice["delta"].get("content"), choice["finish_reason"]
        if text:
            found.append(Piece(text))
        if reason:
            found.append(Piece(finish_reason="length" if reason == "length" else "stop"))
    if usage := chunk.get("usage"):
        found.append(Piece(usage=Usage(usage["prompt_tokens"], usage["completion_tokens"])))
    return found


def _failure(error: dict[str, Any]) -> Exception:
    message = str(error.get("message", "llama.cpp gave no reason"))
    if error.get("type") == "exceed_context_size_error":
        prompt, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
        return PromptTooLong(f"The prompt has {prompt} tokens; this model takes at most {limit}.")
    if error.get("code") == 400:
        return InvalidGeneration(message)
    return GenerationFailed(message)
