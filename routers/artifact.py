"""A trained classifier on disk: `model.safetensors`, `config.json`, `vocabulary.txt`, `CARD.md`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors.numpy import load_file, save_file

from routers.ability import Abilities, AbilityHead
from routers.calibration import Platt
from routers.encoder import Encoder, QuantisedColumns, QuantisedRows
from routers.heads import Dense, LabelHeads, Standardiser
from routers.language import LanguageHead
from routers.transformer import Shape, Transformer, assemble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FORMAT: Final = 2
SHIPPED: Final = Path(__file__).parent / "weights" / "router"
_MODEL, _CONFIG, _VOCABULARY = "model.safetensors", "config.json", "vocabulary.txt"


class ArtifactError(Exception):
    """The folder does not hold a classifier that this version can read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Everything a classifier needs, as loaded."""

    version: str
    tasks: tuple[str, ...]
    domains: tuple[str, ...]
    vocabulary: tuple[str, ...]
    encoder: Encoder | Transformer
    features: Standardiser
    labels: LabelHeads
    ability: AbilityHead
    abilities: Abilities
    language: LanguageHead
    task_temperature: float
    domain_temperature: float
    pii: Platt
    injection: Platt
    success: Platt
    difficulty: Platt


def load(folder: Path) -> Artifact:
    """Read an artifact. Raises ArtifactError when files are missing or of another format."""
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        vocabulary = tuple((folder / _VOCABULARY).read_text(encoding="utf-8").splitlines())
        tensors = load_file(folder / _MODEL)
    except FileNotFoundError as error:
        raise ArtifactError(f"no classifier in {folder}: {error.filename} is missing") from error
    if config["format"] != FORMAT:
        raise ArtifactError(
            f"{folder} has format {config['format']}, this version reads {FORMAT}: train it again"
        )
    return _assemble(config, vocabulary, tensors, version=digest(folder))


def save(
    folder: Path, config: Mapping[str, Any], vocabulary: tuple[str, ...], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Write an artifact; equal arguments give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **config}, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / _CONFIG).write_text(text + "\n", encoding="utf-8")
    (folder / _VOCABULARY).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    save_file({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, folder / _MODEL)


def digest(folder: Path) -> str:
    """Twelve hexadecimal digits that name the artifact's content; recorded with every decision."""
    content = hashlib.sha256()
    for name in (_CONFIG, _VOCABULARY, _MODEL):
        content.update((folder / name).read_bytes())
    return content.hexdigest()[:12]


def table_tensors(name: str, table: QuantisedRows | QuantisedColumns) -> dict[str, NDArray[Any]]:
    """The tensors under which an embedding table is stored."""
    return {f"{name}.rows": table.rows, f"{name}.scales": table.scales}


def dense_tensors(
    name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """The tensors under which a dense layer is stored: half precision on disk."""
    return {f"{name}.weight": weight.astype(np.float16), f"{name}.bias": bias.astype(np.float32)}


def _assemble(
    config: Mapping[str, Any],
    vocabulary: tuple[str, ...],
    tensors: Mapping[str, NDArray[Any]],
    *,
    version: str,
) -> Artifact:
    def rows(name: str) -> QuantisedRows:
        return QuantisedRows(tensors[f"{name}.rows"], tensors[f"{name}.scales"])

    def dense(name: str) -> Dense:
        return Dense(tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"])

    calibration = config["calibration"]
    return Artifact(
        version=version,
        tasks=tuple(config["tasks"]),
        domains=tuple(config["domains"]),
        vocabulary=vocabulary,
        encoder=_encoder(config, tensors),
        features=Standardiser(tensors["features.mean"], tensors["features.deviation"]),
        labels=LabelHeads(dense("hidden"), dense("task"), dense("domain"), dense("flags")),
        ability=AbilityHead(dense("ability")),
        abilities=Abilities(tuple(config["abilities"]), tensors["abilities"]),
        language=LanguageHead(
            codes=tuple(config["languages"]),
            table=rows("language"),
            bias=tensors["language.bias"],
            threshold=config["language_threshold"],
        ),
        task_temperature=calibration["task_temperature"],
        domain_temperature=calibration["domain_temperature"],
        pii=Platt(**calibration["pii"]),
        injection=Platt(**calibration["injection"]),
        success=Platt(**calibration["success"]),
        difficulty=Platt(**calibration["difficulty"]),
    )


def _encoder(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Encoder | Transformer:
    if "transformer" in config:
        return assemble(Shape(**config["transformer"]), tensors)
    return Encoder(
        words=QuantisedRows(tensors["words.rows"], tensors["words.scales"]),
        ngrams=QuantisedColumns(tensors["ngrams.rows"], tensors["ngrams.scales"]),
    )
