"""What placing a new target from few graded rows costs: `python -m routers.training.new_target --help`.

Models are left out in groups: the ability head is trained without them, each is then placed from rows of the
calibration part, and compared on dev with heads that knew all of its training rows.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from tqdm import tqdm

from routers.ability import Abilities
from routers.artifact import SHIPPED, load
from routers.reading import read
from routers.tokenizer import Tokenizer
from routers.training import sources
from routers.training.examples import Holdout, of_part
from routers.training.metrics import auroc, bootstrap
from routers.training.outcomes import AbilityNetwork, fit_abilities, graded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from routers.artifact import Artifact
    from routers.training.examples import Example
    from routers.training.outcomes import Graded

    Floats = NDArray[np.float32]
    Figures = tuple[float, float]
    """AUROC and log loss in nats."""

GROUPS: Final = 11
DRAWS: Final = 10
SIZES: Final = (30, 50, 100, 200)
FEWEST_JUDGED: Final = 100
"""Dev rows that a model needs to be counted."""


def inputs_of(artifact: Artifact, examples: Sequence[Example]) -> Floats:
    """What the heads read of each request, shape (examples, width)."""
    tokenizer = Tokenizer(artifact.vocabulary)
    rows = []
    for example in tqdm(examples, desc="encode", unit="text", mininterval=2.0):
        tokens, features = read(tokenizer, example.text)
        rows.append(np.concatenate([artifact.encoder(tokens), artifact.features(features)]))
    return np.stack(rows)


def leave_models_out(parts: Mapping[str, tuple[Floats, Graded]]) -> dict[str, dict[str, Figures]]:
    """For each model that can be judged: figures on dev of both full fits, and placed from each of `SIZES` rows.

    `parts` has inputs and outcomes of `train`, `calibration` and `dev`, over the same models.
    """
    inputs, data = parts["train"]
    everything = fit_abilities(inputs, data, quiet=True)
    vectors = everything.vectors.detach().numpy()
    judged = [index for index in range(len(data.models)) if _can_be_judged(parts, index)]
    found: dict[str, dict[str, Figures]] = {}
    for group in tqdm(range(GROUPS), desc="leave models out", unit="group"):
        left_out = [index for index in judged if index % GROUPS == group]
        if not left_out:
            continue
        network = fit_abilities(*_without(inputs, data, left_out), quiet=True)
        keep = [index for index in range(len(data.models)) if index not in left_out]
        others = Abilities(tuple(data.models[i] for i in keep), network.vectors.detach().numpy()[keep])
        embedded = {part: embeddings(network, rows) for part, (rows, _) in parts.items()}
        of_all = embeddings(everything, parts["dev"][0])
        for index in left_out:
            found[data.models[index]] = {
                "trained with it": _figures(of_all, vectors[index], parts["dev"][1], index),
                **_placed(others, embedded, {part: outcomes for part, (_, outcomes) in parts.items()}, index),
            }
    return found


def embeddings(network: AbilityNetwork, inputs: Floats) -> NDArray[np.float64]:
    """Demand and difficulty of each request, shape (requests, dimensions + 1)."""
    weight, bias = network.layer()
    return np.hstack([np.ones((len(inputs), 1)), inputs.astype(np.float64) @ weight.T + bias])


def summary(found: Mapping[str, Mapping[str, Figures]]) -> dict[str, Any]:
    """Mean figures of each way, and by how much it falls short of the full fits, with intervals over models."""
    ways = list(next(iter(found.values())))
    table = np.array([[figures[way] for way in ways] for figures in found.values()])
    aurocs, losses = table[..., 0], table[..., 1]

    def mean(values: NDArray[np.floating]) -> tuple[float, float, float]:
        return bootstrap(lambda rows: float(values[rows].mean()), len(values), draws=2000)

    return {
        "models": len(found),
        "auroc": {way: mean(aurocs[:, i]) for i, way in enumerate(ways)},
        "log loss": {way: mean(losses[:, i]) for i, way in enumerate(ways)},
        "auroc short of `trained with it`": {
            way: mean(aurocs[:, 0] - aurocs[:, i]) for i, way in enumerate(ways[1:], 1)
        },
        "auroc short of `placed from all`": {
            way: mean(aurocs[:, 1] - aurocs[:, i]) for i, way in enumerate(ways[2:], 2)
        },
        "share of models within 0.02 of `trained with it`": {
            way: float((aurocs[:, 0] - aurocs[:, i] <= 0.02).mean()) for i, way in enumerate(ways[1:], 1)
        },
    }


def _placed(
    others: Abilities, embedded: Mapping[str, NDArray[np.float64]], data: Mapping[str, Graded], index: int
) -> dict[str, Figures]:
    """Placed from all training rows, from few calibration rows (mean over draws), and from none."""

    def judge(vector: NDArray[np.floating]) -> Figures:
        return _figures(embedded["dev"], vector, data["dev"], index)

    def rows_of(part: str) -> NDArray[np.intp]:
        return np.flatnonzero(~np.isnan(data[part].outcomes[:, index]))

    def place(part: str, rows: NDArray[np.intp]) -> Floats:
        return others.place(embedded[part][rows], data[part].outcomes[rows, index])

    found = {"placed from all": judge(place("train", rows_of("train")))}
    for size in SIZES:
        draws = [np.random.default_rng(d).permutation(rows_of("calibration"))[:size] for d in range(DRAWS)]
        judged = np.array([judge(place("calibration", rows)) for rows in draws])
        found[f"placed from {size}"] = (float(judged[:, 0].mean()), float(judged[:, 1].mean()))
    return found | {"mean of the others": judge(others.vectors.mean(axis=0))}


def _figures(
    embedded: NDArray[np.float64], vector: NDArray[np.floating], data: Graded, index: int
) -> Figures:
    known = ~np.isnan(data.outcomes[:, index])
    scores = embedded[known, :-1] @ vector.astype(np.float64) - embedded[known, -1]
    grades = data.outcomes[known, index]
    loss = np.logaddexp(0, scores) - grades * scores
    return auroc(scores, grades >= 0.5), float(loss.mean())


def _can_be_judged(parts: Mapping[str, tuple[Floats, Graded]], index: int) -> bool:
    counts = {part: int((~np.isnan(data.outcomes[:, index])).sum()) for part, (_, data) in parts.items()}
    return counts["dev"] >= FEWEST_JUDGED and counts["calibration"] >= max(SIZES) // 2


def _without(inputs: Floats, data: Graded, columns: Sequence[int]) -> tuple[Floats, Graded]:
    """Requests and outcomes that are left when nothing is known of these models."""
    outcomes = data.outcomes.copy()
    outcomes[:, columns] = np.nan
    answered = ~np.isnan(outcomes).all(axis=1)
    kept = replace(data, outcomes=outcomes[answered], weights=data.weights[answered])
    return inputs[answered], kept


def main(arguments: list[str] | None = None) -> None:
    """Print the figures of the shipped encoder as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with routing/ and holdout_hashes.txt.gz"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    artifact, holdout = load(SHIPPED), Holdout.read(options.data / "holdout_hashes.txt.gz")
    examples = list(sources.outcome_examples(options.data, holdout))
    models = sorted({model for example in examples for model in example.outcomes})
    parts = {
        part: (inputs_of(artifact, of_part(examples, part)), graded(of_part(examples, part), models))
        for part in ("train", "calibration", "dev")
    }
    found = leave_models_out(parts)
    print(json.dumps({"summary": summary(found), "models": found}, indent=1))  # noqa: T201 the result


if __name__ == "__main__":
    main()
