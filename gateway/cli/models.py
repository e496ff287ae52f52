"""`pointsman models`: the weights that local models need, and how good the task models are."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.settings import load_settings
from routers.catalogue import CatalogueError, is_present, pull, read_catalogue, resolve
from routers.hub import PREFIX, pull_from_hub
from routers.specialists.registry import SHIPPED_DIR, SpecialistCard, SpecialistError, find, shipped

if TYPE_CHECKING:
    from routers.specialists.evaluate import Figures
    from routers.specialists.tokens import Specialist

models_app = typer.Typer(
    no_args_is_help=True, help="List, fetch and measure local models: language models and task models."
)

Name = Annotated[str, typer.Argument(help="Task model from `pointsman models list`, or a folder with one.")]
NO_METRIC = "auto"


@models_app.command("list")
def list_models() -> None:
    """Show the task models that ship with Pointsman, then the catalogue and what of it is on this machine."""
    cards = shipped()
    width = max(map(len, cards), default=0)
    typer.echo("Task models (shipped; `task/NAME` asks for one by name):")
    for name, card in cards.items():
        size_mb = sum(file.stat().st_size for file in (SHIPPED_DIR / name).iterdir()) / 1e6
        typer.echo(
            f"  {name:{width}}  {score_of(card):34}  {size_mb:4.1f} MB  {card.licence:10}  {card.description}"
        )
    model_dir = load_settings().model_dir
    catalogue = read_catalogue()
    width = max(map(len, catalogue))
    typer.echo("Catalogue (`pointsman models pull NAME` fetches one):")
    for name, entry in catalogue.items():
        size_mb = sum(file.bytes for file in entry.files.values()) / 1e6
        state = "here" if is_present(name, model_dir, catalogue) else "not here"
        typer.echo(f"  {name:{width}}  {state:8}  {size_mb:5.0f} MB  {entry.licence:10}  {entry.description}")


@models_app.command("pull")
def pull_models(
    names: Annotated[list[str], typer.Argument(help="Names from `pointsman models list`, or hf:ORG/NAME.")],
) -> None:
    """Download models into the model directory; those of the catalogue are checked against their SHA-256."""
    model_dir = load_settings().model_dir
    for name in names:
        try:
            (pull_from_hub if name.startswith(PREFIX) else pull)(name, model_dir, typer.echo)
        except CatalogueError as error:
            _fail(str(error))


@models_app.command("eval")
def evaluate_model(
    name: Name,
    file: Annotated[
        Path,
        typer.Option(
            help="JSON Lines, also gzipped: `text` and `label`, `tokens` and `tags`, or `text` and `spans`."
        ),
    ],
    metric: Annotated[
        str, typer.Option(help="accuracy, f1 (of the rarer of two labels), macro_f1 or entity_f1.")
    ] = NO_METRIC,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Measure a task model on labelled rows: the metric with its 95 % interval, calibration, and each label."""
    from routers.specialists.evaluate import METRICS, evaluate, read_rows

    if metric != NO_METRIC and metric not in METRICS:
        _fail(f"`{metric}` is no metric: choose {', '.join(METRICS)}")
    try:
        rows = read_rows(file)
        figures = evaluate(_load(name), rows, None if metric == NO_METRIC else metric)  # type: ignore[arg-type]  # one of METRICS
    except (SpecialistError, FileNotFoundError) as error:
        _fail(str(error))
    typer.echo(json.dumps(dataclasses.asdict(figures), ensure_ascii=False) if as_json else _table(figures))


@models_app.command("warm")
def warm_models(
    names: Annotated[list[str], typer.Argument(help="Task models from `pointsman models list`, or folders.")],
) -> None:
    """Load task models and let each read a text: says that the weights are whole, and has the system keep them."""
    for name in names:
        started = time.perf_counter()
        try:
            specialist = _load(name)
            _read_one(specialist)
        except (SpecialistError, FileNotFoundError) as error:
            _fail(str(error))
        typer.echo(f"{specialist.name} is ready after {time.perf_counter() - started:.1f} s")


def score_of(card: SpecialistCard) -> str:
    """Return the first held-out figure of a card, e.g. `accuracy 0.943 [0.924, 0.962]`."""
    if card.held_out:
        figure = card.held_out[0]
        return f"accuracy {figure.accuracy:.3f} [{figure.interval[0]:.3f}, {figure.interval[1]:.3f}]"
    if card.held_out_spans:
        spans = card.held_out_spans[0]
        return f"entity F1 {spans.f1:.3f} [{spans.interval[0]:.3f}, {spans.interval[1]:.3f}]"
    return "not measured"


def _load(name: str) -> Specialist:
    from routers.specialists.tokens import load_specialist

    where: str | Path = Path(name) if Path(name).is_dir() and name not in shipped() else name
    _, card = find(where)
    try:
        base = resolve(card.base, load_settings().model_dir)
    except CatalogueError as error:
        raise SpecialistError(str(error)) from None
    return load_specialist(where, base)


def _read_one(specialist: Specialist) -> None:
    from routers.specialists.tokens import answer_mixed

    answer_mixed([(specialist, "A first text.")])


def _table(figures: Figures) -> str:
    low, high = figures.interval
    width = max(len("label"), *map(len, figures.per_label))
    lines = [
        f"{figures.metric} {figures.value:.4f} [{low:.4f}, {high:.4f}] on {figures.n} texts; "
        f"calibration error {figures.ece:.4f}",
        f"{'label':{width}}  {'n':>6}  precision  recall      f1",
    ]
    lines += [
        f"{label:{width}}  {row['n']:6.0f}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}"
        for label, row in figures.per_label.items()
    ]
    return "\n".join(lines)


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)
