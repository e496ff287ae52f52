"""An encoder with a LoRA adapter in its upper layers; what the lower ones give is computed once for each text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel

if TYPE_CHECKING:
    from pathlib import Path

    from routers.training.specialist.fit import Recipe

LORA_TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


class TunedEncoder(torch.nn.Module):
    """A BERT whose layers from `recipe.first_layer` on have an adapter; returns the last hidden states.

    Without dropout the layers below give the same for a text in every epoch, so they are kept, as float16.
    """

    def __init__(self, base_dir: Path, recipe: Recipe) -> None:
        super().__init__()
        base = AutoModel.from_pretrained(
            str(base_dir),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            hidden_dropout_prob=recipe.encoder_dropout,
            attention_probs_dropout_prob=recipe.encoder_dropout,
        )
        self.width = int(base.config.hidden_size)
        layers = range(recipe.first_layer, base.config.num_hidden_layers)
        self.peft = get_peft_model(
            base,
            LoraConfig(
                r=recipe.rank,
                lora_alpha=2 * recipe.rank,
                target_modules=LORA_TARGETS,
                layers_to_transform=list(layers),
                bias="none",
            ),
        )
        base = self.peft.get_base_model()
        self._embeddings: torch.nn.Module = base.get_submodule("embeddings")
        self._stack = [base.get_submodule(f"encoder.layer.{n}") for n in range(layers.stop)]
        self._first_layer = recipe.first_layer
        self._kept: dict[tuple[int, ...], torch.Tensor] | None = (
            {} if recipe.first_layer and not recipe.encoder_dropout else None
        )

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return (texts, tokens, width) for padded ids and their attention mask."""
        hidden = self._lower(ids, mask) if self._kept is None or not self.training else self._keep(ids, mask)
        return self._layers(hidden, mask, slice(self._first_layer, None))

    def round_to_half(self) -> None:
        """Round the adapter to float16 values, the precision it is stored in, so that figures are of that."""
        with torch.no_grad():
            for parameter in self.peft.parameters():
                if parameter.requires_grad:
                    parameter.copy_(parameter.half().float())

    def _lower(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            embedded = self._embeddings(input_ids=ids)
            return self._layers(embedded, mask, slice(0, self._first_layer))

    def _layers(self, hidden: torch.Tensor, mask: torch.Tensor, part: slice) -> torch.Tensor:
        attended = mask.bool()[:, None, None, :]
        for layer in self._stack[part]:
            hidden = layer(hidden, attended)
        return hidden

    def _keep(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return what `_lower` gives, computed for texts not seen before only."""
        kept = self._kept
        assert kept is not None  # noqa: S101 - `forward` asks
        lengths = mask.sum(dim=1).tolist()
        keys = [tuple(row[:length]) for row, length in zip(ids.tolist(), lengths, strict=True)]
        new = [row for row, key in enumerate(keys) if key not in kept]
        if new:
            for row, hidden in zip(new, self._lower(ids[new], mask[new]), strict=True):
                kept[keys[row]] = hidden[: lengths[row]].half()
        padded = torch.zeros((*ids.shape, self.width))
        for row, key in enumerate(keys):
            padded[row, : lengths[row]] = kept[key]
        return padded
