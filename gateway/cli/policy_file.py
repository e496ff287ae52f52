"""How commands take a policy: the path of a file, or the name of a shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def find(given: Path | None) -> Path | None:
    """Callback of an argument or option: the file that is meant; `BadParameter` says what there is instead."""
    from policies.by_name import UnknownPolicyError, find_policy

    try:
        return find_policy(given) if given is not None else None
    except UnknownPolicyError as error:
        raise typer.BadParameter(str(error)) from None


def find_all(given: list[Path]) -> list[Path]:
    """As `find`, for an argument that takes several."""
    return [found for path in given if (found := find(path)) is not None]


PolicyOption = Annotated[
    Path | None,
    typer.Option(
        callback=find,
        help="Routing policy: a file, or the name of a shipped one (`pointsman policy library`); "
        "the shipped default when not given.",
    ),
]
