"""The commands under `pointsman bench`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.bench.classifier import classifier
from gateway.cli.bench.policy import policy
from gateway.cli.bench.routing import routing

bench_app = typer.Typer(help="Measure what a request costs, and how well it is routed.", no_args_is_help=True)


@bench_app.callback()
def bench() -> None:
    """Measure what a request costs, and how well it is routed."""


bench_app.command()(routing)
bench_app.command()(classifier)
bench_app.command()(policy)


@bench_app.command()
def gateway(
    litellm: Annotated[
        Path | None,
        typer.Option(help="Virtual environment of LiteLLM's proxy, to measure it in the same run."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; figures are medians.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each measurement takes.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """CPU time per request and added latency of the gateway, and of nginx and LiteLLM where installed."""
    from rich.console import Console

    from gateway.cli.bench import gateway as measurement
    from gateway.cli.bench import report as reporting
    from gateway.cli.bench.process import BenchError

    progress = Console(stderr=True)
    try:
        with progress.status("starting") as status:
            found = measurement.run(litellm=litellm, rounds=rounds, seconds=seconds, say=status.update)
    except BenchError as failed:
        progress.print(str(failed), markup=False)
        raise typer.Exit(1) from failed
    if as_json:
        print(json.dumps(reporting.as_json(found, "Pointsman"), indent=2))
    else:
        reporting.show(found, "Pointsman", Console())
    if any(cell.failure is not None for cell in found.cells):
        raise typer.Exit(1)


@bench_app.command()
def stages(
    connections: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 16,
    seconds: Annotated[float, typer.Option(min=0.5, help="How long each scenario is sampled.")] = 3.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Where the CPU time of a request goes, by room of the code. Sampling makes it a little dearer."""
    from rich.console import Console

    from gateway.cli.bench import stages as sampling
    from gateway.cli.bench.process import BenchError

    try:
        found = sampling.run(
            connections=connections, seconds=seconds, say=lambda name: print(name, file=sys.stderr)
        )
    except BenchError as failed:
        print(failed, file=sys.stderr)
        raise typer.Exit(1) from failed
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        sampling.show(found, Console())
