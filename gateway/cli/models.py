"""`pointsman models`: the weights that local models need."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.settings import load_settings
from routers.catalogue import CatalogueError, is_present, pull, read_catalogue
from routers.hub import PREFIX, pull_from_hub

models_app = typer.Typer(no_args_is_help=True, help="List and fetch the weights that local models need.")


@models_app.command("list")
def list_models() -> None:
    """Show the catalogue and what of it is on this machine."""
    model_dir = load_settings().model_dir
    catalogue = read_catalogue()
    width = max(map(len, catalogue))
    for name, entry in catalogue.items():
        size_mb = sum(file.bytes for file in entry.files.values()) / 1e6
        state = "here" if is_present(name, model_dir, catalogue) else "not here"
        typer.echo(f"{name:{width}}  {state:8}  {size_mb:5.0f} MB  {entry.licence:10}  {entry.description}")


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
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None
