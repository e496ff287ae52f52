"""`pointsman worker`: the local-model process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.settings import load_settings


def worker(
    model: Annotated[list[str], typer.Option(help="A model to serve, NAME or NAME=PATH; may be repeated.")],
    uds: Annotated[Path | None, typer.Option(help="Listen on this Unix socket instead of a port.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8090,
    threads: Annotated[
        int, typer.Option(min=1, help="Compute threads; more than the free cores is slower.")
    ] = 1,
    grace_s: Annotated[int, typer.Option(min=0, help="Seconds that running answers get on SIGTERM.")] = 10,
) -> None:
    """Serve local models in OpenAI's schema, on a Unix socket or a port."""
    from gateway.worker.models import ModelSpec
    from gateway.worker.serve import AddressTaken, serve

    settings = load_settings()
    try:
        specs = [ModelSpec.parse(text) for text in model]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--model") from None
    try:
        serve(
            specs,
            model_dir=settings.model_dir,
            uds=uds,
            host=host,
            port=port,
            threads=threads,
            grace_s=grace_s,
        )
    except AddressTaken as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
