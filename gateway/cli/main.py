"""`pointsman`: the one command."""

from __future__ import annotations

import os

import typer

from gateway.cli.bench.command import bench_app
from gateway.cli.gateway import gateway
from gateway.cli.keys import keys_app
from gateway.cli.learn import learn_app
from gateway.cli.models import models_app
from gateway.cli.output import stop_on_findings
from gateway.cli.policy.app import policy_app
from gateway.cli.route import route
from gateway.cli.serve import serve
from gateway.cli.targets import targets_app
from gateway.cli.worker import worker

app = typer.Typer(
    name="pointsman",
    help="A hybrid gateway for language-model requests: easy ones are answered here, hard ones by an LLM.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, gateway, worker, route):
    app.command()(command)
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(policy_app, name="policy")
app.add_typer(targets_app, name="targets")
app.add_typer(learn_app, name="learn")
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Entry point of the console script."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # read when numpy loads, which is later
        os.environ.setdefault(
            variable, "1"
        )  # threads that wait for each other cost more than these sums take
    with stop_on_findings():
        app()


if __name__ == "__main__":
    main()
