"""Findings: what is wrong with a policy file, as values with a place to look at."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]
Check = Literal["form", "names", "reach", "bounds", "fallback", "capability", "cost", "risk", "test"]
CHECKS: dict[Check, str] = {
    "form": "The file says something that the policy language does not know.",
    "names": "A name, a plan or a value that cannot be as it stands.",
    "reach": "A rule, an alternative or an alias that no request reaches.",
    "bounds": "A bound or a threshold that every value meets, or none.",
    "fallback": "A plan that ends without an answer although another target could give one.",
    "capability": "A target that can do nothing with the requests that its rule lets in.",
    "cost": "A cap on cost that no request stays below.",
    "risk": "What an accepted risk or confidence comes to, for the answers that were graded.",
    "test": "A case of the policy that is not decided as it demands.",
}
"""Every check, with what its findings are about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to fix (error), to look at (warning) or to know (note). Lines and columns count from 1."""

    severity: Severity
    path: str
    line: int
    column: int
    message: str
    """Lower case, no full stop, the user's own text in backticks."""
    rule: str | None = None
    """Id of the rule it is about."""
    check: Check = "form"
    """What found it."""

    def __str__(self) -> str:
        about = f" (rule `{self.rule}`)" if self.rule is not None else ""
        return f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}{about}"


def quote(text: object) -> str:
    """The user's own text in backticks, shortened when long, on one line."""
    words = "true" if text is True else "false" if text is False else "null" if text is None else str(text)
    # A lone surrogate, which an escape in YAML can make, could not be printed.
    words = " ".join(words.encode("utf-8", "backslashreplace").decode().split())
    return f"`{words if len(words) <= 60 else words[:57] + '...'}`"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean `x`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name[:64], list(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`" if near else ""
