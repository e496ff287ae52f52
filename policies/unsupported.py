"""What the language can say and this release cannot do yet: an error, so that nothing is silently left undone.

Delete an entry once the gateway does what it says, and this file with the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.findings import quote
from policies.validate_when import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.document import Loc
    from policies.model import Policy

_ROOT_KEYS = ("include", "variables")


def unsupported_problems(policy: Policy) -> Iterator[Problem]:
    """A problem for each key that is set and not supported."""
    for key in _ROOT_KEYS:
        if getattr(policy, key):
            yield _problem((key,), key)


def _problem(loc: Loc, what: str) -> Problem:
    return Problem(loc, f"{quote(what)} is not supported by this release yet", on_key=True)
