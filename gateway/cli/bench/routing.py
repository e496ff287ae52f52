"""`pointsman bench routing`: how well a router spends strong calls, on files of outcomes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from routers.benchmark.files import Benchmark
    from routers.benchmark.report import Prices, Scored

_T = TypeVar("_T", str, float)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which routers are scored, and on which rows."""

    classifier: Path | None
    abilities: tuple[str, str] | None
    scores: tuple[Path, ...]
    scores_mode: Literal["zero-shot", "adapted"]
    adapt: int | None
    seed: int


def routing(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Outcomes by prompt: JSON Lines or CSV, .gz or not.", show_default=False),
    ] = None,
    weak: Annotated[str | None, typer.Option(help="The weak model's key.")] = None,
    strong: Annotated[str | None, typer.Option(help="The strong model's key.")] = None,
    classifier: Annotated[
        Path | None, typer.Option(help="Folder of a classifier; the shipped one when not given.")
    ] = None,
    weak_ability: Annotated[
        str | None, typer.Option(help="Ability vector of the weak model, to score by expected gain too.")
    ] = None,
    strong_ability: Annotated[str | None, typer.Option(help="Ability vector of the strong model.")] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="Scores of another router: a number a line, or rows with `id` and `score`."),
    ] = None,
    scores_mode: Annotated[
        Literal["zero-shot", "adapted"],
        typer.Option(help="Whether those routers saw labels of this benchmark."),
    ] = "zero-shot",
    adapt: Annotated[
        int | None, typer.Option(help="Fit a head to this many labelled rows and test on the others.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap, the folds and the rows of --adapt.")] = 0,
    draws: Annotated[int, typer.Option(min=100, help="Draws of the bootstrap.")] = 2000,
    weak_price: Annotated[float | None, typer.Option(min=0, help="$ per call, or per 1M tokens.")] = None,
    strong_price: Annotated[float | None, typer.Option(min=0, help="In the same unit.")] = None,
    keep_flagged: Annotated[
        bool, typer.Option("--keep-flagged", help="Keep rows marked `contaminated` or `in_slice`.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write the curves to this PNG file.")] = None,
    arena: Annotated[
        Path | None,
        typer.Option(help="Rows with `accuracy` and `cost_usd` by query: print RouterArena's score."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Gap recovered per strong call (APGR, CPT), with intervals, beside length, subjects, oracle and RouteLLM."""
    from routers.benchmark.errors import BenchmarkError
    from routers.benchmark.files import read_benchmark

    if not files and arena is None:
        raise typer.BadParameter("give at least one file of outcomes, or --arena FILE")
    plan = _Plan(
        classifier=classifier,
        abilities=_both(weak_ability, strong_ability, "--weak-ability and --strong-ability"),
        scores=tuple(scores or ()),
        scores_mode=scores_mode,
        adapt=adapt,
        seed=seed,
    )
    prices = _prices(weak_price, strong_price)
    try:
        if arena is not None:
            _arena(arena, as_json=as_json)
        if files:
            benchmark = read_benchmark(files, weak=weak, strong=strong, keep_flagged=keep_flagged)
            _routing(benchmark, plan, prices, draws=draws, plot=plot, as_json=as_json)
    except BenchmarkError as failed:
        print(failed, file=sys.stderr)
        raise typer.Exit(1) from failed


def _both(first: _T | None, second: _T | None, names: str) -> tuple[_T, _T] | None:
    if first is None or second is None:
        if first is not second:
            raise typer.BadParameter(f"give {names} together")
        return None
    return first, second


def _prices(weak: float | None, strong: float | None) -> Prices | None:
    from routers.benchmark.report import Prices

    given = _both(weak, strong, "--weak-price and --strong-price")
    if given is None:
        return None
    if given[1] == 0:
        raise typer.BadParameter("--strong-price must be more than 0")
    return Prices(*given)


def _routing(
    benchmark: Benchmark, plan: _Plan, prices: Prices | None, *, draws: int, plot: Path | None, as_json: bool
) -> None:
    from gateway.cli.bench import routing_tables
    from routers.benchmark.plot import save_plot
    from routers.benchmark.published import routellm_table
    from routers.benchmark.report import measure

    version, measured, scored = _scored(benchmark, plan)
    report = measure(measured, scored, prices=prices, draws=draws, seed=plan.seed)
    published = routellm_table(benchmark.name)
    if plot is not None:
        save_plot(report, plot)
    if as_json:
        print(json.dumps(routing_tables.as_json(report, published, version), indent=2, ensure_ascii=False))
    else:
        routing_tables.show(report, published, version, routing_tables.console())


def _scored(benchmark: Benchmark, plan: _Plan) -> tuple[str, Benchmark, list[Scored]]:
    """The classifier's version, the rows that are measured, and each router's scores of them."""
    from routers.artifact import ArtifactError
    from routers.benchmark import contenders
    from routers.benchmark.errors import BenchmarkError
    from routers.classifier import RequestClassifier

    try:
        classifier = RequestClassifier.load(plan.classifier)
    except ArtifactError as error:
        raise BenchmarkError(str(error)) from error
    scored = [
        *contenders.classifier_routers(classifier, benchmark, plan.abilities),
        *contenders.file_routers(plan.scores, benchmark, plan.scores_mode),
    ]
    if plan.adapt is not None:
        adapted = contenders.adapted(classifier, benchmark, scored, plan.adapt, seed=plan.seed)
        return classifier.version, *adapted
    return classifier.version, benchmark, [*scored, *contenders.subject_router(benchmark, seed=plan.seed)]


def _arena(file: Path, *, as_json: bool) -> None:
    from gateway.cli.bench import routing_tables
    from routers.benchmark.arena import read_arena
    from routers.benchmark.published import routerarena_board

    scores = read_arena(file)
    if as_json:
        print(json.dumps({"routerarena": [asdict(score) for score in scores]}, indent=2))
    else:
        routing_tables.show_arena(scores, *routerarena_board(), routing_tables.console())
