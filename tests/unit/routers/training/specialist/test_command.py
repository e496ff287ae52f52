"""The training command from end to end, on a tiny encoder and made-up texts."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
import torch

from routers.risk import FILE, read_table
from routers.specialists.registry import read_card
from routers.specialists.text import load_specialist
from routers.training.specialist.__main__ import main
from tests.unit.routers.specialists.tiny import tiny_encoder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning"
)  # peft with transformers 5
GOOD, BAD = (
    ("good", "great", "fun", "superb", "nice", "fine"),
    ("bad", "awful", "dull", "boring", "poor", "slow"),
)


def write_data(root: Path) -> Path:
    """Write a task `film` that a few of its words decide."""
    (root / "tasks" / "film").mkdir(parents=True)
    (root / "holdout_hashes.txt.gz").write_bytes(gzip.compress(b""))
    for name, count, offset in (("train", 300, 0), ("dev", 40, 1000)):
        with gzip.open(root / "tasks" / "film" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            for i in range(count):
                word = (GOOD, BAD)[i % 2][i // 2 % 6]
                text = f"the film is {word} , plot {word} : {i + offset} ."
                file.write(json.dumps({"text": text, "label": ("up", "down")[i % 2]}) + "\n")
    return root


def train(data: Path, base: Path, out: Path, *further: str) -> None:
    """Run the command with a recipe that suits the tiny encoder."""
    recipe = "--task film --base-name tiny --rank 4 --epochs 6 --learning-rate 0.01 --head-learning-rate 0.01"
    main(["--data", str(data), "--base", str(base), "--out", str(out), *recipe.split(), *further])


def test_trains_a_specialist_that_loads(tmp_path: Path) -> None:
    """One command writes a folder that the serving code loads, with a card whose figures are measured."""
    base = tiny_encoder(tmp_path / "base")
    data, out = write_data(tmp_path / "data"), tmp_path / "film"
    train(data, base, out)

    card = read_card(out)
    assert (card.name, card.labels, card.base) == ("film", ("down", "up"), "tiny")
    assert [figure.rows for figure in card.held_out][:1] == [40]
    assert card.held_out[0].accuracy > 0.9
    found = load_specialist(out, base).predict(
        ["the film is superb , plot superb", "the film is dull , plot dull"]
    )
    assert [prediction.label for prediction in found] == ["up", "down"]
    table = read_table(out / FILE)
    assert table is not None
    assert 0 < table.n < 0.1 * 300, "the calibration split alone"
    text = (out / "CARD.md").read_text(encoding="utf-8")
    assert "TF-IDF + LR" in text
    assert str(tmp_path) not in text + (out / "adapter_config.json").read_text()


def test_the_same_command_gives_the_same_weights(tmp_path: Path) -> None:
    """Two runs of one command write the same bytes, whatever torch drew before."""
    base, data = tiny_encoder(tmp_path / "base"), write_data(tmp_path / "data")
    train(data, base, tmp_path / "one", "--epochs", "1")
    torch.rand(3)
    train(data, base, tmp_path / "two", "--epochs", "1")
    for name in (
        "adapter_model.safetensors",
        "adapter_config.json",
        "head.safetensors",
        "config.json",
        "CARD.md",
    ):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
