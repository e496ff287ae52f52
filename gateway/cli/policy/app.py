"""The commands under `pointsman policy`."""

from __future__ import annotations

import typer

from gateway.cli.policy.check import check
from gateway.cli.policy.compare import compare
from gateway.cli.policy.diff import diff
from gateway.cli.policy.library import library
from gateway.cli.policy.publish import publish
from gateway.cli.policy.replay import replay
from gateway.cli.policy.rollback import rollback
from gateway.cli.policy.show import show
from gateway.cli.policy.status import status
from gateway.cli.policy.stop import stop
from gateway.cli.policy.test import test
from gateway.cli.policy.versions import versions

policy_app = typer.Typer(
    no_args_is_help=True, help="The life of a policy's edit: check it, replay it, put it in force, go back."
)


@policy_app.callback()
def policy() -> None:
    """The life of a policy's edit: check it, replay it, put it in force, go back."""


for command in (library, compare, check, diff, test, replay, publish, versions, show, rollback, status, stop):
    policy_app.command()(command)
