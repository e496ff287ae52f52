"""What commands print: findings, and the exit code that goes with them."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import typer

from gateway.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.findings import Finding

EXIT_FINDINGS = 2


@contextlib.contextmanager
def stop_on_findings() -> Iterator[None]:
    """Turn a `StartupError` into printed findings and exit code 2."""
    try:
        yield
    except StartupError as error:
        print_findings(error.findings)
        raise typer.Exit(EXIT_FINDINGS) from None


def print_findings(findings: Iterable[Finding]) -> None:
    """Every finding on a line of its own, on standard error."""
    for finding in findings:
        print(finding, file=sys.stderr)
