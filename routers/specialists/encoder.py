"""The one loaded encoder that all specialists share: text in, mean-pooled vectors out.

The only file of the serving path that imports torch, transformers and peft, and it does so on loading.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_BARE = "__base__"
"""Peft's name for no adapter at all, in a batch that names one for each text."""
MAX_TOKENS = 256
"""The encoder was trained on at most this many tokens; longer texts keep their head and their tail."""


class SharedEncoder:
    """A BERT-like encoder with one LoRA adapter for each specialist.

    A batch may mix specialists: each text names the adapter it is read with. Float32, one device. Adapters may be
    added by one thread while another reads: each waits for the other.
    """

    def __init__(
        self, base_dir: Path, *, device: str = "cpu", max_tokens: int = MAX_TOKENS, threads: int = 1
    ) -> None:
        """Load the encoder from a folder with `config.json`, `model.safetensors` and `tokenizer.json`.

        `threads` is torch's setting for the whole process. Raises FileNotFoundError, naming the file, when
        one of the three is missing.
        """
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (base_dir / name).is_file():
                raise FileNotFoundError(f"{base_dir / name} is missing: the folder is no encoder")
        import torch
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers is partly typed
        torch.set_num_threads(threads)
        self._model = AutoModel.from_pretrained(
            str(base_dir),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
        self._model.to(device).eval()
        self._device = device
        self.max_tokens = max_tokens
        self.tokenizer = load_tokenizer(base_dir)
        self._adapters: set[str] = set()
        self._changing = threading.Lock()

    @property
    def width(self) -> int:
        """Size of one pooled vector."""
        return int(self._model.config.hidden_size)

    def add_adapter(self, name: str, adapter_dir: Path) -> None:
        """Load a peft LoRA adapter under `name`; a name that is loaded already is left as it is."""
        if name in self._adapters:
            return
        from peft import PeftModel

        if not (adapter_dir / "adapter_model.safetensors").is_file():
            raise FileNotFoundError(f"{adapter_dir / 'adapter_model.safetensors'} is missing")
        with self._changing, warnings.catch_warnings():
            # peft 0.21 asks transformers 5 for a property by its old name
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
            if self._adapters:
                self._model.load_adapter(str(adapter_dir), adapter_name=name, is_trainable=False)
            else:
                self._model = PeftModel.from_pretrained(
                    self._model, str(adapter_dir), adapter_name=name, is_trainable=False
                )
            self._model.to(self._device).eval()
            self._adapters.add(name)

    def tokenise(self, text: str) -> list[int]:
        """Return the token ids of one text with special tokens, at most `max_tokens` of them."""
        return truncate(self.tokens(text), self.max_tokens)

    def tokens(self, text: str) -> list[int]:
        """Return all token ids of one text with special tokens, however many they are."""
        ids: list[int] = self.tokenizer.encode(text).ids
        return ids

    def embed(self, token_ids: Sequence[list[int]]) -> NDArray[np.float32]:
        """Return mean-pooled vectors of length 1, shape (texts, width), of the encoder without any adapter.

        This is what sentence-transformers computes for the encoders of its own (pooling, then normalisation).
        """
        import torch

        pooled = self.pool(token_ids, [_BARE] * len(token_ids) if self._adapters else ())
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    def pool(self, token_ids: Sequence[list[int]], adapters: Sequence[str] = ()) -> torch.Tensor:
        """Return the mean over the tokens of the last layer, shape (texts, width), without gradient.

        `adapters` names one loaded adapter for each text; without it the bare encoder reads them, which is
        possible only before the first adapter is added.
        """
        import torch

        hidden, mask = self._forward(token_ids, adapters)
        with torch.inference_mode():
            return mean_pool(hidden, mask)

    def hidden(self, token_ids: Sequence[list[int]], adapters: Sequence[str]) -> torch.Tensor:
        """Return the last layer, shape (texts, longest text, width), without gradient; see `pool`."""
        return self._forward(token_ids, adapters)[0]

    def _forward(
        self, token_ids: Sequence[list[int]], adapters: Sequence[str]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        ids, mask = pad(token_ids, self._device)
        mixed: dict[str, list[str]] = {}
        if len(set(adapters)) > 1 or _BARE in adapters:
            mixed["adapter_names"] = list(adapters)
        with self._changing, torch.inference_mode():
            if adapters and not mixed:
                self._model.set_adapter(adapters[0])
            return self._model(input_ids=ids, attention_mask=mask, **mixed).last_hidden_state, mask


def load_tokenizer(base_dir: Path) -> Tokenizer:
    """Load the fast tokenizer of an encoder folder, without the truncation and padding stored in it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_dir / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def truncate(ids: list[int], limit: int) -> list[int]:
    """Cut the middle out of a token sequence longer than `limit`; its first and last tokens stay."""
    if len(ids) <= limit:
        return ids
    head = (limit + 1) // 2
    return ids[:head] + ids[len(ids) - (limit - head) :]


def pad(token_ids: Sequence[list[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask, both of shape (texts, longest text), padded with 0 on the right."""
    import torch

    longest = max(len(ids) for ids in token_ids)
    padded = torch.zeros((len(token_ids), longest), dtype=torch.long)
    mask = torch.zeros_like(padded)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        mask[row, : len(ids)] = 1
    return padded.to(device), mask.to(device)


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average (texts, tokens, width) over the tokens that the mask keeps."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
