"""A file of cases as a closed model; the cases are those of `tests:` in a policy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.model import Case
from policies.scalars import Closed, ListOnly


class CasesFile(Closed):
    """One file of cases."""

    version: Literal[1]
    """Version of the language, that of the policy."""
    tests: Annotated[tuple[Case, ...], Field(min_length=1), ListOnly]
    """Example requests and where they must go."""
