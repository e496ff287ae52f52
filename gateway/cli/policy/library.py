"""`pointsman policy library`: the shipped policies, and one of them to start from."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

_EDITOR = re.compile(r"\A# yaml-language-server: .*\n")
_SCHEMA = "policy.schema.json"


def library(
    name: Annotated[
        str | None, typer.Argument(help="The policy to print; all are listed when not given.")
    ] = None,
) -> None:
    """List the policies that Pointsman ships, or print one to standard output as the beginning of your own."""
    from policies.by_name import LIBRARY, purpose, shipped, shipped_names
    from policies.findings import did_you_mean, quote

    names = shipped_names()
    if name is None:
        width = max(map(len, names))
        for each in names:
            typer.echo(f"{each:{width}}  {purpose(each)}")
        return
    if name not in names:
        hint = did_you_mean(name, names) or f"; there are {', '.join(map(quote, names))}"
        raise typer.BadParameter(f"{LIBRARY} has no policy {quote(name)}{hint}", param_hint="NAME")
    # The shipped file names its schema by a path that a copy elsewhere would not find.
    text = shipped(name).read_text(encoding="utf-8")
    sys.stdout.write(_EDITOR.sub(f"# yaml-language-server: $schema={_SCHEMA}\n", text))
    print(
        f"# check it with `pointsman policy check FILE`, serve it with `pointsman serve --policy FILE`; for "
        f"completion in editors: python -m policies.schema > {_SCHEMA}",
        file=sys.stderr,
    )
