"""The training command from end to end, on a tiny encoder and made-up texts."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

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


def test_trains_a_specialist_that_loads(tmp_path: Path) -> None:
    """One command writes a folder that the serving code loads, with a card whose figures are measured."""
    base = tiny_encoder(tmp_path / "base")
    data, out = write_data(tmp_path / "data"), tmp_path / "film"
    options = ["--rank", "4", "--epochs", "6", "--learning-rate", "0.01", "--head-learning-rate", "0.01"]
    main(
        [
            "--data",
            str(data),
            "--base",
            str(base),
            "--base-name",
            "tiny",
            "--out",
            str(out),
            "--task",
            "film",
            *options,
        ]
    )

    card = read_card(out)
    assert (card.name, card.labels, card.base) == ("film", ("down", "up"), "tiny")
    assert [figure.rows for figure in card.held_out][:2] == [40, 40]
    assert card.held_out[0].accuracy > 0.9
    assert [
        p.label
        for p in load_specialist(out, base).predict(
            ["the film is superb , plot superb", "the film is dull , plot dull"]
        )
    ] == [
        "up",
        "down",
    ]
    text = (out / "CARD.md").read_text(encoding="utf-8")
    assert "TF-IDF + LR" in text
    assert str(tmp_path) not in text + (out / "adapter_config.json").read_text()
