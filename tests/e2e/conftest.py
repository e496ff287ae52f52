"""`pointsman serve` as a user starts it: gateway, worker and local models, with no key and no Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes import Pointsman, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS_TIMEOUT_S = 120.0


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pointsman]:
    """Everything running under the shipped policy, local models loaded."""
    arguments = ("--console-port", str(free_port()))
    with Pointsman(tmp_path_factory.mktemp("serve"), command="serve", arguments=arguments) as process:
        process.wait_ready(full=True, timeout_s=MODELS_TIMEOUT_S)
        yield process
