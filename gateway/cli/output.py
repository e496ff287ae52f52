"""What commands print: findings, and the exit code that goes with them."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from gateway.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_FINDINGS = 2


@contextlib.contextmanager
def stop_on_findings() -> Iterator[None]:
    """Turn a `StartupError` into printed findings and exit code 2. Stands once, around the whole command line."""
    try:
        yield
    except StartupError as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        sys.exit(EXIT_FINDINGS)
