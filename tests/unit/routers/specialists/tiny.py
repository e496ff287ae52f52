"""A BERT of a few thousand weights with two specialists on it, made on the spot with fixed seeds."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from routers.specialists.bio import SHAPE_WIDTH

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [
    "good",
    "bad",
    "film",
    "dull",
    "joy",
    "plot",
    "the",
    "is",
    "a",
    "not",
    "very",
    "great",
    "awful",
    "fine",
    "slow",
    "fun",
    "boring",
    "superb",
    "poor",
    "nice",
]


def tiny_encoder(folder: Path) -> Path:
    """Write `config.json`, `model.safetensors` and `tokenizer.json` of a random encoder."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=4 + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(str(folder))
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def tiny_finder(folder: Path, base: Path, name: str, *, seed: int) -> Path:
    """Write a specialist for two kinds of entity with random adapter and head on a tiny encoder."""
    tiny_specialist(folder, base, name, seed=seed)
    torch.manual_seed(seed)
    save_file(
        {"weight": torch.randn(5, 32 + SHAPE_WIDTH), "bias": torch.randn(5)}, str(folder / "head.safetensors")
    )
    card = json.loads((folder / "config.json").read_text())
    card |= {
        "kind": "token-classification",
        "labels": ["LOC", "PER"],
        "words": {"LOC": ["places"], "PER": ["people", "persons"]},
        "subjects": ["entities"],
    }
    (folder / "config.json").write_text(json.dumps(card))
    return folder


def tiny_specialist(folder: Path, base: Path, name: str, *, seed: int) -> Path:
    """Write a specialist with random adapter and head on a tiny encoder."""
    torch.manual_seed(seed)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["query", "value"], init_lora_weights=False)
    get_peft_model(BertModel.from_pretrained(str(base)), config).save_pretrained(str(folder))
    (folder / "README.md").unlink()
    save_file({"weight": torch.randn(2, 32), "bias": torch.randn(2)}, str(folder / "head.safetensors"))
    card = {
        "format": 1,
        "name": name,
        "kind": "text-classification",
        "description": "Random.",
        "labels": ["no", "yes"],
        "base": "tiny",
        "base_sha256": hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
        "temperature": 2.0,
        "words": {"no": ["no"], "yes": ["yes"]},
    }
    (folder / "config.json").write_text(json.dumps(card))
    return folder
