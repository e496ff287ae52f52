"""The commands under `pointsman policy`."""

from __future__ import annotations

import typer

from gateway.cli.policy.check import check

policy_app = typer.Typer(no_args_is_help=True, help="Check a routing policy before it serves.")


@policy_app.callback()
def policy() -> None:
    """Check a routing policy before it serves."""


for command in (check,):
    policy_app.command()(command)
